"""Finds the images of the cut sources that recur, and lists those that preparation leaves out.

The whole images are compared with each other and with all prepared sources, as `cifake-keras data audit` does it: at
32x32, squeezed into a square, and the square in their middle. Of two that are alike the one stays whose source stands
first in protocol.SOURCES, within a source the first by name. What a safety checker shows instead of an image is none of
the generator's, so that nothing of it stays.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

from cifake_keras.audit import duplicates
from cifake_keras.protocol import IMAGE_SIZE, KERNELS, SOURCES, Excerpt
from cifake_keras.runtime.progress import track
from cifake_keras.sources import archives, prepared, reading, recurrences, walk
from cifake_keras.sources.fingerprint import digest
from cifake_keras.splits.composition import ImageSet

# Instead of an image that it takes for indecent, Stable Diffusion's script shows a photograph, diffusers black.
PLACEHOLDERS = "placeholders"
PHOTOGRAPH = Excerpt(r"assets/rick\.jpeg")

# Two that are alike differ by so many levels at most. Fakes beyond are other images: of one seed and nearly the same
# prompt, or of one prompt and two versions.
MOST = {"REAL": duplicates.MAX_DISTANCE, "FAKE": 10.0}

# Source and file name.
Image = tuple[str, str]
# File name, digest, and uint8 [32, 32, 3].
View = tuple[str, str, np.ndarray]


@click.command()
@click.option("--from", "folder", type=click.Path(path_type=Path), required=True, help="The folder of the archives.")
@click.option("--data-dir", type=click.Path(path_type=Path), default="data", help="Where other sources are prepared.")
def main(folder: Path, data_dir: Path) -> None:
    found = pairs(read(folder, data_dir))
    print(found.groupby(["kind", "kept_source", "source"]).size().to_string())
    with open(recurrences.LIST, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([recurrences.COLUMNS, *left_out(found)])


def read(folder: Path, data_dir: Path) -> ImageSet:
    """The placeholders and all images of the sources whose archives lie in `folder`; of one that is no square, two."""
    origins = archives.find(folder)
    read = {PLACEHOLDERS: tabled(placeholders(origins["SDv1.1"]))}
    for name, origin in origins.items():
        if excerpt := SOURCES[name].excerpt:
            read[name] = tabled(views(origin, excerpt, name))
        else:
            whole = prepared.load(data_dir, SOURCES[name].dataset, KERNELS[0])
            read[name] = whole.examples[["filename", "digest"]], whole.images
    tables = [table.assign(source=name, row=np.arange(len(table))) for name, (table, _) in read.items()]
    return ImageSet(pd.concat(tables, ignore_index=True), {name: pixels for name, (_, pixels) in read.items()})


def tabled(views: Iterator[View]) -> tuple[pd.DataFrame, np.ndarray]:
    filenames, digests, pixels = zip(*views, strict=True)
    return pd.DataFrame({"filename": filenames, "digest": digests}), np.stack(pixels)


def placeholders(origin: Path) -> Iterator[View]:
    yield "black", "", np.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    yield from views(origin, PHOTOGRAPH, PLACEHOLDERS)


def views(origin: Path, excerpt: Excerpt, title: str) -> Iterator[View]:
    """Yields each image that is large enough to be cut, whole and, if it is no square, the square in its middle."""
    names = {name: match[1] for name in walk.find(origin).images if (match := excerpt.pattern.search(name))}
    for name, content in track(reading.read(origin, list(names)), f"Reading {title}", len(names)):
        image = reading.decode(content)
        side = min(image.shape[:2])
        if side >= excerpt.side:
            middle = reading.square(image, side)
            for view in (image,) if middle.shape == image.shape else (image, middle):
                yield names[name], digest(view), reading.resize(view, IMAGE_SIZE, KERNELS[0])


def pairs(images: ImageSet) -> pd.DataFrame:
    """A row two images that count as one: kind, distance, source and filename of that which stays and of the other."""
    found = duplicates.find(images)
    names = list(images.examples[["source", "filename"]].itertuples(index=False, name=None))
    ends = [sorted((names[first], names[second]), key=rank) for first, second in found[["first", "second"]].to_numpy()]
    rows = [
        (kind, distance, *kept, *image)
        for kind, distance, (kept, image) in zip(found["kind"], found["distance"], ends, strict=True)
        if kept != image and distance <= most(image[0])
    ]
    columns = ["kind", "distance", "kept_source", "kept_filename", "source", "filename"]
    return pd.DataFrame(rows, columns=columns).sort_values("distance").drop_duplicates(columns[2:])


def most(source: str) -> float:
    """In levels. Of a source that is not cut identical images alone count: they join others."""
    excerpt = SOURCES[source].excerpt
    return MOST[excerpt.label] if excerpt else 0.0


def rank(image: Image) -> tuple[int, str]:
    return [PLACEHOLDERS, *SOURCES].index(image[0]), image[1]


def left_out(found: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Yields rows of recurrences.COLUMNS: all but the first of each group that pairs join, where cut."""
    ends = [((row.source, row.filename), (row.kept_source, row.kept_filename)) for row in found.itertuples()]
    stays: dict[Image, Image] = {}
    for image, kept in sorted(ends, key=lambda both: tuple(map(rank, both))):
        stays.setdefault(image, stays.get(kept, kept))
    for image, (source, filename) in stays.items():
        if SOURCES[image[0]].excerpt:
            yield *image, "is a placeholder" if source == PLACEHOLDERS else f"recurs in {source} as {filename}"


if __name__ == "__main__":
    main()
