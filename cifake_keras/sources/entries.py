"""Entries of an origin made into examples, as TFDS takes them, with a record of each file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cifake_keras.protocol import JPEG_QUALITY
from cifake_keras.sources import reading
from cifake_keras.sources.fingerprint import digest


class Entry(NamedTuple):
    """member: its name in the origin, from `walk.find`.

    side: of the square that is cut out of its middle and compressed; 0 leaves it as it is. The other fields describe
    the example.
    """

    member: str
    split: str
    filename: str
    label: str
    generator: str
    side: int = 0


class Outcome(NamedTuple):
    """example: None where the image is refused.

    record: what `fingerprint` takes, then its row of FILE_COLUMNS without the name; or (reason,) of a refused image.
    """

    filename: str
    example: dict | None
    record: tuple


def read(origin: Path, entries: list[Entry]) -> Iterator[Outcome]:
    """The outcome of each entry of a folder or zip archive."""
    contents = reading.read(origin, [entry.member for entry in entries])
    return outcomes((entry, content) for entry, (_, content) in zip(entries, contents, strict=True))


def outcomes(contents: Iterable[tuple[Entry, bytes | reading.UnreadableImage]]) -> Iterator[Outcome]:
    """What becomes of each entry: its pixels, or why it is refused."""
    for entry, content in contents:
        filename = entry.filename.encode(errors="backslashreplace").decode()  # a file system takes any bytes
        try:
            if isinstance(content, reading.UnreadableImage):
                raise content
            pixels = reading.decode(content)
            image = _cut(pixels, entry.side) if entry.side else pixels
        except reading.UnreadableImage as error:
            yield Outcome(filename, None, (str(error),))
        else:
            texts = {"label": entry.label, "generator": entry.generator, "filename": filename}
            record = entry.split, entry.label, entry.generator, digest(image), *_file(content, pixels)
            yield Outcome(filename, {"image": reading.encode_png(image), **texts}, record)


def _cut(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 [side, side, 3], its last compression that of every other image that is cut."""
    return reading.compressed(reading.square(pixels, side), JPEG_QUALITY)


def _file(content: bytes, pixels: np.ndarray) -> tuple:
    """Its row of FILE_COLUMNS without the name."""
    kind, subsampling, quantisation = reading.encoding(content)
    height, width, _ = pixels.shape
    return kind, len(content), width, height, subsampling, quantisation
