"""What the detector of pictures as they are says of generators that no choice was made on, and of altered pictures.

Once, as docs/protocol.md has it: DALL-E 3 and Stable Cascade against photographs of ImageNet, as they are and after
what pictures undergo. In results/detectors comes last_look.csv, a row a change and generator, and the same in the
model card. Photographs of the two generators' subjects are not there: these are people, those are anything.

python scripts/last_look.py --archives FOLDER_OF_THE_ARCHIVES --data-dir paper/data
"""

import base64
import contextlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from make_native import LIMITS
from pictures import LEAST, cut, halved, pictures
from PIL import Image, ImageFilter
from reach import compressed

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED_NATIVE, litert, model_card
from cifake_keras.evaluation.metrics import metrics
from cifake_keras.protocol import FAKE, LAST_LOOK, REAL, TEST_PHOTOGRAPHS
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track
from cifake_keras.sources import reading

Change = Callable[[np.ndarray], np.ndarray]

QUALITIES = {"JPEG": (95, 85, 75, 50, 30), "WebP": (90, 75, 50)}
SCALES = 1.5, 0.75, 0.5, 0.35
SIDES = 256, 128, 64
RADII = 0.5, 1, 2  # px
NOISES = 2, 4, 8  # levels
WIDTH = 600  # px of a picture on a page


def changes() -> Iterator[tuple[str, Change]]:
    """With their titles; the first two after none are those of development."""
    yield "as they are", lambda picture: picture
    yield "cut", cut
    yield "halved", halved
    for form, qualities in QUALITIES.items():
        yield from ((f"{form} of quality {quality}", partial(compressed, form, quality)) for quality in qualities)
    yield from ((f"scaled to {scale:.0%}", partial(_scaled, scale)) for scale in SCALES)
    yield from ((f"the middle {side} px", partial(_cropped, side)) for side in SIDES)
    yield from ((f"blurred, {radius} px", partial(_blurred, radius)) for radius in RADII)
    yield from ((f"noise of {level} levels", partial(_noisy, level)) for level in NOISES)


def _scaled(scale: float, picture: np.ndarray) -> np.ndarray:
    height, width = (max(LEAST, round(scale * of)) for of in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def _cropped(side: int, picture: np.ndarray) -> np.ndarray:
    return reading.square(picture, min(side, *picture.shape[:2]))


def _blurred(radius: float, picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def _noisy(level: float, picture: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(int(picture.sum())).normal(0, level, picture.shape)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


@contextlib.contextmanager
def screenshot() -> Iterator[Change]:
    """A picture on a page, 600 px wide at most, captured in Chromium."""
    from playwright import sync_api

    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=("--no-sandbox",))
        tab = browser.new_page()

        def captured(picture: np.ndarray) -> np.ndarray:
            source = base64.b64encode(reading.encode_png(picture)).decode()
            tab.set_content(f'<img style="max-width: {WIDTH}px" src="data:image/png;base64,{source}">')
            return reading.decode(tab.locator("img").screenshot())

        yield captured
        browser.close()


def measured(of: dict[str, list[np.ndarray]], listed: list[tuple[str, Change]]) -> Iterator[dict]:
    """A row a change and generator. of: pictures by source."""
    detector = load_detector(PRETRAINED_NATIVE / litert.FILE)
    for title, change in track(listed, "Changes", len(listed)):
        scores = {source: detector.predict([change(picture) for picture in those]) for source, those in of.items()}
        photographs = scores[TEST_PHOTOGRAPHS]
        for source in LAST_LOOK:
            labels = np.repeat([REAL, FAKE], [len(photographs), len(scores[source])])
            rated = metrics(labels, np.concatenate([photographs, scores[source]]), detector.threshold)
            rates = {name: rated[name] for name in ("auc", "balanced_accuracy", "tpr", "tnr", "n_real", "n_fake")}
            yield {"pictures": title, "generator": source, **rates}


def record(folder: Path, limits: list[str], table: pd.DataFrame, told: pd.DataFrame) -> None:
    """Puts the table into the model card in `folder`, and what the rows `told` say behind the first of its limits."""
    rows = told.set_index("generator")
    caught = ", ".join(f"{rows['tpr'][source]:.0%} of {source}'s pictures" for source in LAST_LOOK)
    said = f"Asked once, it caught {caught}, and left {rows['tnr'].iloc[0]:.0%} of photographs alone."
    card = {**model_card.read(folder), "limits": [limits[0], said, *limits[1:]], "last_look": table.to_dict("records")}
    model_card.write(folder, card)


@click.command()
@click.option("--archives", type=click.Path(path_type=Path, exists=True), default="archives", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--photographs", default=200, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
def main(archives: Path, data_dir: Path, photographs: int, results_dir: Path) -> None:
    try:
        of = {
            source: [picture for _, picture in sorted(pictures(source, archives, data_dir), key=lambda pair: pair[0])]
            for source in (TEST_PHOTOGRAPHS, *LAST_LOOK)
        }
    except UserError as error:
        raise click.UsageError(str(error)) from error
    of[TEST_PHOTOGRAPHS] = of[TEST_PHOTOGRAPHS][:photographs]
    with screenshot() as captured:
        table = pd.DataFrame(measured(of, [*changes(), ("captured from a page", captured)])).round(4)
    print(table.to_string(index=False))
    files.write_text(results_dir / "last_look.csv", table.to_csv(index=False, lineterminator="\n"))
    record(PRETRAINED_NATIVE, LIMITS, table, table[table["pictures"] == "as they are"])


if __name__ == "__main__":
    main()
