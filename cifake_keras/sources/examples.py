"""What is made of the entries of an origin: examples as TFDS takes them, with what their files were."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cifake_keras.sources import reading


class Entry(NamedTuple):
    """member: its name in the origin, which `reading.names` gives. The rest is of the example."""

    member: str
    filename: str
    label: str
    generator: str


class Outcome(NamedTuple):
    """example: None where the image is refused. file: its row of FILE_COLUMNS but for the name, or (reason,)."""

    filename: str
    example: dict | None
    file: tuple


def read(origin: Path, entries: list[Entry]) -> Iterator[Outcome]:
    """What becomes of each entry of a folder or zip archive."""
    contents = reading.read(origin, [entry.member for entry in entries])
    return outcomes((entry, content) for entry, (_, content) in zip(entries, contents, strict=True))


def outcomes(contents: Iterable[tuple[Entry, bytes | reading.UnreadableImage]]) -> Iterator[Outcome]:
    for entry, content in contents:
        filename = entry.filename.encode(errors="backslashreplace").decode()  # a file system takes any bytes
        try:
            image, file = _decoded(content)
        except reading.UnreadableImage as error:
            yield Outcome(filename, None, (str(error),))
        else:
            texts = {"label": entry.label, "generator": entry.generator, "filename": filename}
            yield Outcome(filename, {"image": image, **texts}, file)


def _decoded(content: bytes | reading.UnreadableImage) -> tuple[bytes, tuple]:
    """The image as PNG, and its row of FILE_COLUMNS but for the name. Raises UnreadableImage."""
    pixels = reading.decode(content)
    kind, subsampling, quantisation = reading.encoding(content)
    height, width, _ = pixels.shape
    return reading.encode_png(pixels), (kind, len(content), width, height, subsampling, quantisation)
