"""Archives in many parts (x.tar.gz.0, x.tar.gz.1, ...) in a folder of a data set on Hugging Face.

Parts are fetched one after another, read as one stream, and deleted once read, so that the first thousand images of a
million cost one part of the download and of the disk.
"""

import gzip
import io
import json
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.sources import reading
from cifake_keras.sources.fetching.download import download

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PART = re.compile(r"([\w.+ -]{1,200}\.tar\.gz(?:\.(\d{1,6}))?)", re.ASCII)
_DIGEST = re.compile("[0-9a-f]{64}")
_CHUNK = 2**20

_LISTING = 2**22  # bytes of the list of a folder
_HEADERS = 2**15  # bytes of an archive that a member may take beside its content: twice its name, mostly
_GLOBAL = 100  # headers that hold for all members, each of which gets a copy
_NAME = 1_000  # characters of a member's name, as all names are held until the last
_MEMBERS = 2**20  # of an archive, of which the study wants a tenth at most
_LARGEST = 2**34  # bytes of a member that is passed over


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


class _Part(NamedTuple):
    """A part as the folder's listing has it. digest: SHA-256, where the listing says it."""

    number: int
    name: str
    size: int
    digest: str | None


def _fetched(host: str, repository: str, folder: str, parts: Path) -> Iterator[Path]:
    """Yields the parts in order, each fetched when it is needed."""
    listing = parts / "listing.json"
    download(f"{host}/api/datasets/{repository}/tree/main/{folder}", listing, most=_LISTING)
    listed = _listed(_read(listing))
    if not listed:
        raise UserError(f"{host}/datasets/{repository} has no .tar.gz parts in {folder}; give images with --from.")
    for part in sorted(listed, key=attrgetter("number")):
        path = parts / part.name
        address = f"{host}/datasets/{repository}/resolve/main/{folder}/{part.name}"
        download(address, path, size=part.size, digest=part.digest)
        yield path


def _read(listing: Path) -> Any:
    """Deletes the file, so that a bad one is asked for again. None where it is no JSON."""
    try:
        return json.loads(listing.read_bytes())
    except (ValueError, RecursionError):
        return None
    finally:
        listing.unlink()


def _listed(entries: Any) -> list[_Part]:
    """The parts among the files of a listing, of which nothing is taken for granted."""
    entries = entries if isinstance(entries, list) else []
    return [part for entry in entries if isinstance(entry, dict) and (part := _part(entry))]


def _part(entry: dict) -> _Part | None:
    match = _PART.fullmatch(str(entry.get("path")).rpartition("/")[2])
    size = entry.get("size")
    if not match or type(size) is not int or size not in range(2**50):
        return None
    lfs = entry.get("lfs")
    digest = str(lfs.get("oid")) if isinstance(lfs, dict) else ""
    return _Part(int(match[2] or 0), match[1], size, digest if _DIGEST.fullmatch(digest) else None)


def _images(stream: _Stream, count: int, folder: str) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) up to `count` times. Stops reading, and so fetching, at the last one.

    What `reading` would not take is reported and passed over, and never in memory.
    """
    names: set[str] = set()
    try:
        for archive, member in _members(stream):
            file = archive.extractfile(member) if member.isfile() and reading.is_image(member.name) else None
            if file is None:
                continue
            if problem := _problem(member, names):
                say(f"refused {member.name[:_NAME]}: {problem}")
            else:
                names.add(member.name)
                yield member.name, file.read()
            if len(names) == count:
                return
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:  # the last of tarfile's own
        raise UserError(f"The parts of {folder} do not make an archive ({error}); give images with --from.") from error


def _problem(member: tarfile.TarInfo, names: set[str]) -> str | None:
    if member.size > reading.MAX_BYTES:
        return f"{member.size:,} bytes are too many"
    if len(member.name) > _NAME:
        return f"its name is longer than {_NAME:,} characters"
    if "\0" in member.name or member.name.encode(errors="replace").decode() != member.name:
        return "its name is no text"
    return "a member before it has its name" if member.name in names else None


def _members(stream: _Stream) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The members of an archive with it. Raises TarError where its headers would take more than they may."""
    # Expanded here, as tarfile's own "r|gz" expands a piece without bound.
    bounded = _Bounded(gzip.GzipFile(fileobj=io.BufferedReader(stream)))
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        for _ in range(_MEMBERS):
            member = archive.next()
            if member is None:
                return
            archive.members.clear()  # type: ignore[attr-defined] # it would hold them all
            if member.issparse() or archive.offset - member.offset > _LARGEST or len(archive.pax_headers) > _GLOBAL:
                raise tarfile.ReadError("a member that is sparse, too large, or of too many headers")
            bounded.end = archive.offset + _HEADERS
            yield archive, member
    raise tarfile.ReadError(f"more than {_MEMBERS:,} members")


class _Bounded(io.RawIOBase):
    """A file that is read no further than `end`: tarfile would hold a header of any length whole."""

    def __init__(self, file: gzip.GzipFile):
        self._file, self._asked, self.end = file, 0, _HEADERS

    def read(self, size: int = -1, /) -> bytes:
        self._asked += size
        if self._asked > self.end:
            raise tarfile.ReadError(f"a header of more than {_HEADERS:,} bytes")
        return self._file.read(size)
