"""What a folder or zip archive holds: its images, and of whatever else there is the reason why it is left out."""

import errno
import os
import posixpath
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cifake_keras.runtime.text import named
from cifake_keras.sources import reading

HIDDEN = "is hidden"
NO_FILE = "is a pipe, a socket or a device"
NO_IMAGE = "is no image by its name or first bytes"
SKIPPED = frozenset({HIDDEN, NO_FILE, NO_IMAGE})  # reasons for which no image is missing

ARCHIVE = "is an archive, which is not looked into; unpack it"

# Names that promise an image, also of formats that are not read: reading says so.
_SUFFIXES = (*reading.SUFFIXES, ".heic", ".heif", ".avif", ".jp2", ".jxl", ".tif", ".tiff", ".ico")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")

# How an image begins, whatever its name: JPEG, PNG, GIF, BMP, WebP; HEIC and AVIF, TIFF, JPEG 2000.
_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0|RIFF.{4}WEBP"
    rb"|.{4}ftyp(?:avif|avis|hei[cxs]|mif1|msf1)|II\*\0|MM\0\*|.{4}jP  |\xff\x4f\xff\x51",
    re.DOTALL,
)

_PROBLEMS = {
    errno.ENOENT: "is a link to nothing",
    errno.ELOOP: "is a link that leads back to itself",
    errno.ENAMETOOLONG: "is too deep: its path is longer than the system takes",
}


@dataclass
class Found:
    """Each entry of an origin is an image, or a folder that was looked through, or left out.

    images: names within the origin, with forward slashes, sorted. folders: how many. left_out: (name, reason), sorted;
    of a folder that is left out nothing inside is.
    """

    images: list[str] = field(default_factory=list)
    folders: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """reason: why it is left out; empty of an image."""
        if reason:
            self.left_out.append((name, reason))
        else:
            self.images.append(name)

    def instead(self, usual: str) -> str:
        """What to do where the images are not those looked for: `usual`, unless something shows what is wrong."""
        archives = [name for name, reason in self.left_out if reason == ARCHIVE]
        if any("\\" in name for name in self.images):
            return "unpack it and give the folder, as it has backslashes between the names of folders"
        return f"give what is in it with --from: {named(archives)}" if archives else usual


def find(origin: Path) -> Found:
    """Judges a file by its name, or by its first bytes where the name says nothing. Follows links to files alone.

    Raises UserError where `origin` is missing, or is neither a folder nor a whole zip archive within the limits, and
    OSError where the folder cannot be listed.
    """
    found = _in_folder(origin) if origin.is_dir() else _in_archive(origin)
    found.images.sort()
    found.left_out.sort()
    return found


def _in_folder(origin: Path) -> Found:
    found = Found(folders=-1)  # as the origin is no entry
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(origin / folder) as listing:
                entries = list(listing)
        except OSError as error:
            if not folder:
                raise
            found.add(folder, _problem(error))
            continue
        found.folders += 1
        for entry in entries:
            name = posixpath.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False) and not reading.is_hidden(entry.name):
                waiting.append(name)
            else:
                found.add(name, _of_entry(entry))
    return found


def _of_entry(entry: os.DirEntry) -> str:
    """Why an entry that is no folder to look through is left out; empty of an image."""
    if reading.is_hidden(entry.name):
        return HIDDEN
    try:
        mode = entry.stat().st_mode
        if stat.S_ISDIR(mode):
            return "is a link to a folder, which is not followed; name that folder itself"
        if not stat.S_ISREG(mode):
            return NO_FILE  # never opened, as it may never end
        return _of_file(entry.name, partial(_beginning, entry.path))
    except OSError as error:
        return _problem(error)


def _of_file(name: str, beginning: Callable[[], bytes]) -> str:
    """Why a file is left out; empty of an image."""
    if name.lower().endswith(_SUFFIXES) or _IMAGE.match(beginning()):
        return ""
    return ARCHIVE if name.lower().endswith(_ARCHIVES) else NO_IMAGE


def _beginning(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(reading.BEGINNING)


def _problem(error: OSError) -> str:
    return _PROBLEMS.get(error.errno or 0, f"cannot be read ({error.strerror})")


def _in_archive(origin: Path) -> Found:
    found = Found()
    with reading.open_archive(origin) as archive:
        for name in archive.namelist():
            if any(map(reading.is_hidden, re.split(r"[/\\]", name))):
                found.add(name, HIDDEN)
            elif name.endswith(("/", "\\")):
                found.folders += 1
            else:
                found.add(name, _of_member(name, partial(reading.beginning, archive, name)))
    return found


def _of_member(name: str, beginning: Callable[[], bytes]) -> str:
    try:
        return _of_file(name, beginning)
    except reading.UnreadableImage as error:
        return str(error)
