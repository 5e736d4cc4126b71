"""How far from 32x32 images the answers of the detector hold: results/reach.csv, and `reach` in its model card.

Images of CIFAKE that chose hyper-parameters and that no test has, scaled, cropped and compressed again. They say from
where on `predict` has to warn.

python scripts/reach.py --archive archives/archive.zip --validation-files FOLDER_OF_THE_AUTHORS_LISTS
"""

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from PIL import Image

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED, model_card
from cifake_keras.protocol import CLASSES, IMAGE_SIZE
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track
from cifake_keras.sources import reading, walk
from cifake_keras.splits import composition

SIZES = 16, 24, 28, 31, 33, 36, 40, 48, 64, 96, 128, 256
SIDES = 31, 28, 24, 16
QUALITIES = {"JPEG": (95, 90, 75, 50, 30, 10), "WebP": (90, 75, 50)}

Change = Callable[[np.ndarray], np.ndarray]


def changes() -> Iterator[tuple[str, Change]]:
    """With their titles."""
    yield "as they are", lambda image: image
    for kernel in ("bicubic", "nearest"):
        yield from ((f"scaled to {size} px, {kernel}", partial(_scaled, size, kernel)) for size in SIZES)
    yield from ((f"the middle {side} px", partial(_cropped, side)) for side in SIDES)
    for form, qualities in QUALITIES.items():
        yield from ((f"{form} of quality {quality}", partial(compressed, form, quality)) for quality in qualities)


def _scaled(size: int, kernel: str, image: np.ndarray) -> np.ndarray:
    return reading.resize(image, size, kernel)


def _cropped(side: int, image: np.ndarray) -> np.ndarray:
    first = (IMAGE_SIZE - side) // 2
    return image[first : first + side, first : first + side]


def compressed(form: str, quality: int, image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, quality=quality)
    return reading.decode(buffer.getvalue())


def drawn(archive: Path, listed: frozenset[str], count: int) -> dict[str, list[np.ndarray]]:
    """`count` of the listed images by class, drawn at random."""
    members = {label: [name for name in walk.find(archive).images if _listed(name, label, listed)] for label in CLASSES}
    chosen = {label: np.random.default_rng(0).permutation(names)[:count] for label, names in members.items()}
    return {
        label: [reading.decode(content) for _, content in reading.read(archive, list(names))]
        for label, names in chosen.items()
    }


def _listed(name: str, label: str, listed: frozenset[str]) -> bool:
    split, _, file = name.rpartition(f"/{label}/")
    return split.endswith("test") and f"{label}/{file}" in listed


def measured(images: dict[str, list[np.ndarray]]) -> pd.DataFrame:
    """A row a change: fakes caught, photographs left alone, and their mean, in percent."""
    detector, rows = load_detector(), []
    listed = list(changes())
    for title, change in track(listed, "Changes", len(listed)):
        pixels = {label: detector.pixels(map(change, of)) for label, of in images.items()}
        fake = {label: detector.predict(of) >= detector.threshold for label, of in pixels.items()}
        caught, alone = 100 * fake["FAKE"].mean(), 100 * (1 - fake["REAL"].mean())
        rows.append({"images": title, "fakes_caught": caught, "photographs_left_alone": alone})
    return pd.DataFrame(rows).assign(balanced_accuracy=lambda table: table.iloc[:, 1:].mean(axis=1)).round(1)


@click.command()
@click.option("--archive", type=click.Path(path_type=Path, exists=True), required=True, help="CIFAKE.")
@click.option("--validation-files", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--images", type=click.IntRange(1, 5000), default=5000, show_default=True, help="Of each class.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(archive: Path, validation_files: Path, images: int, results_dir: Path) -> None:
    """Measure, write results/reach.csv, and put it into the model card of the detector."""
    chosen = drawn(archive, composition.read_validation_files(validation_files), images)
    table = measured(chosen)
    files.write_text(results_dir / "reach.csv", table.to_csv(index=False, lineterminator="\n"))
    of = f"{images:,} + {images:,} validation images of CIFAKE, in percent; no test image"
    reach = {"of": of, "curve": table.to_dict("records")}
    model_card.write(PRETRAINED, {**model_card.read(PRETRAINED), "reach": reach})


if __name__ == "__main__":
    main()
