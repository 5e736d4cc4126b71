"""What is made of the entries of an origin: examples as TFDS takes them, with what their files were."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cifake_keras.sources import reading
from cifake_keras.sources.fingerprint import digest


class Entry(NamedTuple):
    """member: its name in the origin, which `reading.names` gives. The rest is of the example."""

    member: str
    split: str
    filename: str
    label: str
    generator: str


class Outcome(NamedTuple):
    """example: None where the image is refused.

    told: what `fingerprint` takes of it, and then its row of FILE_COLUMNS but for the name; or (reason,).
    """

    filename: str
    example: dict | None
    told: tuple


def read(origin: Path, entries: list[Entry]) -> Iterator[Outcome]:
    """What becomes of each entry of a folder or zip archive."""
    contents = reading.read(origin, [entry.member for entry in entries])
    return outcomes((entry, content) for entry, (_, content) in zip(entries, contents, strict=True))


def outcomes(contents: Iterable[tuple[Entry, bytes | reading.UnreadableImage]]) -> Iterator[Outcome]:
    for entry, content in contents:
        filename = entry.filename.encode(errors="backslashreplace").decode()  # a file system takes any bytes
        try:
            pixels = reading.decode(content)
        except reading.UnreadableImage as error:
            yield Outcome(filename, None, (str(error),))
        else:
            texts = {"label": entry.label, "generator": entry.generator, "filename": filename}
            told = entry.split, entry.label, entry.generator, digest(pixels), *_file(content, pixels)
            yield Outcome(filename, {"image": reading.encode_png(pixels), **texts}, told)


def _file(content: bytes, pixels: np.ndarray) -> tuple:
    """Its row of FILE_COLUMNS but for the name."""
    kind, subsampling, quantisation = reading.encoding(content)
    height, width, _ = pixels.shape
    return kind, len(content), width, height, subsampling, quantisation
