"""Archives in many parts (x.tar.gz.0, x.tar.gz.1, ...) in a folder of a data set on Hugging Face.

Parts are fetched one after another, read as one stream, and deleted once read, so that the first thousand images of a
million cost one part of the download and of the disk.
"""

import gzip
import io
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.sources import reading
from cifake_keras.sources.fetching.download import download

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PART = re.compile(r"\.tar\.gz(?:\.(\d+))?$")
_CHUNK = 2**20


def fetch_images(host: str, repository: str, folder: str, count: int, target: Path) -> None:
    """Writes the first `count` images of the archive in `folder` to the zip archive `target`.

    host: https://huggingface.co, or a mirror's address. Raises download.Unavailable, and UserError where there are no
    parts, or they do not make an archive of images.
    """
    parts = parts_of(target)
    stream = _Stream(_fetched(host, repository, folder, parts))
    with files.replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as kept:
        for name, content in track(_images(stream, count, folder), f"Unpacking {target.stem}", count):
            kept.writestr(name, content)
        images = len(kept.namelist())
    shutil.rmtree(parts)
    if images < count:
        say(f"{folder} has {images:,} images of the {count:,} wanted")


def parts_of(target: Path) -> Path:
    """The folder of the parts that are being fetched; it is deleted when `target` is whole."""
    return target.with_name(f"{target.stem}.parts")


class _Stream(io.RawIOBase):
    """The bytes of the parts one after another."""

    def __init__(self, parts: Iterator[Path]):
        self._pieces = (piece for part in parts for piece in _pieces(part))
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._left = self._left or memoryview(next(self._pieces, b""))
        size = memoryview(buffer).nbytes
        taken, self._left = self._left[:size], self._left[size:]
        memoryview(buffer)[: len(taken)] = taken
        return len(taken)


def _pieces(part: Path) -> Iterator[bytes]:
    with open(part, "rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
    part.unlink()


def _fetched(host: str, repository: str, folder: str, parts: Path) -> Iterator[Path]:
    """Yields the parts in order, each fetched when it is needed."""
    listing = parts / "listing.json"
    download(f"{host}/api/datasets/{repository}/tree/main/{folder}", listing)
    matches = [(_PART.search(entry["path"]), entry) for entry in files.read_json(listing)]
    numbered = [(int(match[1] or 0), entry) for match, entry in matches if match]
    listing.unlink()
    if not numbered:
        raise UserError(f"{host}/datasets/{repository} has no .tar.gz parts in {folder}; give images with --from.")
    for _, entry in sorted(numbered, key=itemgetter(0)):
        path = entry["path"]
        part = parts / path.rpartition("/")[2]
        digest = entry.get("lfs", {}).get("oid")
        download(f"{host}/datasets/{repository}/resolve/main/{path}", part, size=entry["size"], digest=digest)
        yield part


def _images(stream: _Stream, count: int, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) up to `count` times. Stops reading, and so fetching, at the last one.

    A member that expands to more than `reading` takes is reported and passed over, and never in memory.
    """
    left = count
    try:
        # Expanded here, as tarfile's own "r|gz" expands a piece without bound.
        expanded = gzip.GzipFile(fileobj=io.BufferedReader(stream))
        with tarfile.open(fileobj=expanded, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and reading.is_image(member.name) else None
                if file is None:
                    continue
                if member.size > reading.MAX_BYTES:
                    say(f"refused {member.name}: {member.size:,} bytes are too many")
                else:
                    yield member.name, file.read()
                    left -= 1
                if not left:
                    return
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"The parts of {folder} do not make an archive ({error}); give images with --from.") from error
