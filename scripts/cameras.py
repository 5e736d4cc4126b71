"""What the package's detectors say of photographs straight from cameras, by EXIF: results/detectors/cameras.csv.

python scripts/cameras.py FOLDER

FOLDER: unpacked source distributions whose tests have such photographs. Those of results/: pillow 13.0.0, piexif 1.1.3,
sigal 2.6.1, python-xmp-toolkit 2.1.0, face-recognition 1.3.0, from PyPI. Nobody trains on them.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd
from PIL import ExifTags, Image
from scipy.stats import binomtest

from cifake_keras import load_detector
from cifake_keras.protocol import ERROR_RATE, NATIVE
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading, walk

VERDICTS = ("REAL", "UNSURE", "FAKE")


def is_jpeg(name: str) -> bool:
    return Path(name).suffix.lower() in (".jpg", ".jpeg")


def camera(path: Path) -> str:
    """By EXIF; empty where there is none."""
    with Image.open(path) as image:
        exif = image.getexif()
    return " ".join(str(exif.get(tag, "")).strip() for tag in (ExifTags.Base.Make, ExifTags.Base.Model)).strip()


def photographs(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """Place, camera and pixels of the shorter side of each JPEG that can be read and has a camera.

    None that is too small, and of copies the first.
    """
    seen = set()
    for name in filter(is_jpeg, walk.find(folder).images):
        try:
            pixels = reading.image(folder / name)
        except reading.UnreadableImage:
            continue
        made_by, digest = camera(folder / name), hash(pixels.tobytes())
        if made_by and min(pixels.shape[:2]) >= NATIVE.least and digest not in seen:
            seen.add(digest)
            yield folder / name, made_by, min(pixels.shape[:2])


def measured(folder: Path) -> pd.DataFrame:
    listed = list(photographs(folder))
    if not listed:
        raise UserError(f"{folder} holds no photograph with the name of a camera in its EXIF.")
    detector, paths = load_detector(), [path for path, *_ in listed]
    table = pd.DataFrame([{"file": path.name, "camera": made_by, "side": side} for path, made_by, side in listed])
    return table.assign(probability_fake=detector.predict(paths).round(4), verdict=detector.verdicts(paths))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
def main(folder: Path, results_dir: Path) -> None:
    try:
        table = measured(folder)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(table.to_string(index=False))
    for verdict in VERDICTS:
        count = int((table["verdict"] == verdict).sum())
        low, high = binomtest(count, len(table)).proportion_ci()
        print(f"{verdict}: {count} of {len(table)}, {count / len(table):.1%} ({low:.1%} to {high:.1%})")
    print(f"The error rate that is stated: {ERROR_RATE:.0%}")
    files.write_text(results_dir / "cameras.csv", table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
