"""Files and folders that appear whole or not at all."""

import contextlib
import functools
import glob
import hashlib
import json
import os
import re
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import SoftFileLease

from cifake_keras.runtime.errors import UserError

if TYPE_CHECKING:
    import numpy as np

_LEASE = 60  # seconds
_MOST_ARRAYS = 2**29  # bytes of an .npz file in results: theirs have some megabytes


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; what is written there, file or folder, replaces it at the end.

    The temporary name keeps the suffix, which some writers look at. Whatever fails, `path` stays as it was. What dead
    processes of this machine left under such names is removed, and nothing else. Raises UserError as
    `require_replaceable` does.
    """
    require_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _temporary(path, os.getpid(), "new"), _temporary(path, os.getpid(), "old")
    for left in [temporary, old, *_abandoned(path)]:
        _remove(left)
    try:
        yield temporary
        _reach_disk(temporary)
        if path.is_dir():
            path.rename(old)  # a folder cannot be renamed onto another one
        temporary.rename(path)
    finally:
        _remove(temporary)
        _remove(old)


def require_replaceable(path: Path) -> None:
    """Raises UserError where something is there that is neither a file nor a folder."""
    replaced = os.path.isfile(path) or os.path.isdir(path)  # TFDS's paths know no links
    if os.path.islink(path) or (os.path.exists(path) and not replaced):
        raise UserError(f"{path} is a link, a pipe or a device, which is never replaced; name another file.")


def _temporary(path: Path, process: int, purpose: str) -> Path:
    """No name that a person would give: what has it is this program's."""
    return path.with_name(f".cifake-keras.{socket.gethostname()}.{process}.{purpose}.{path.name}")


def _abandoned(path: Path) -> Iterator[Path]:
    """The temporary files for `path` of processes that are dead. Those of other machines are theirs to remove."""
    named = re.compile(rf"\.cifake-keras\.{re.escape(socket.gethostname())}\.(\d+)\.(new|old)\.{re.escape(path.name)}")
    for beside in path.parent.glob(f".cifake-keras.*.{glob.escape(path.name)}"):
        match = named.fullmatch(beside.name)
        if match and not psutil.pid_exists(int(match[1])):
            yield beside


def _reach_disk(path: Path) -> None:
    """After a power failure a rename may be on disk, and the content not."""
    if path.is_file():
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    elif temporary.exists():
        # Emptied first: HDF5 holds the file open after a failure, and must find room to close it on a full disk.
        with contextlib.suppress(FileNotFoundError):  # another process removes it too
            os.truncate(temporary, 0)
            temporary.unlink()


def claim(path: Path, timeout: float = -1) -> SoftFileLease:
    """A lock that works between machines: a file with a heartbeat.

    It lapses a minute after its last one, or at once where its process is known to be dead. timeout: seconds to wait
    before Timeout is raised; -1 waits for ever.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return SoftFileLease(path, lease_duration=_LEASE, timeout=timeout)


def claimed(path: Path) -> bool:
    """Whether a process holds the claim: it has had a heartbeat lately."""
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime < _LEASE
    return False


@contextlib.contextmanager
def _continuing(path: Path) -> Iterator[Path]:
    """As `replacing`, but under the same name each time, whose file a writing that fails leaves to the next."""
    require_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".cifake-keras.begun.{path.name}")
    yield temporary
    _reach_disk(temporary)
    temporary.rename(path)


def make_once(path: Path, write: Callable[[Path], None], continued: bool = False) -> None:
    """Calls `write` to make `path` unless it exists; processes that want the same one wait for the first of them.

    continued: `write` goes on with what a process that was killed has left.
    """
    if not path.exists():
        with claim(path.with_name(f"{path.name}.claim")):
            if not path.exists():
                with (_continuing if continued else replacing)(path) as temporary:
                    write(temporary)


def require_file(path: Path) -> None:
    """Raises UserError where something else is in a file's place: a pipe or a device may never end."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is a folder, a pipe or a device, where a file should be; delete it and run again.")


@contextlib.contextmanager
def arrays_in(path: Path, most: int = _MOST_ARRAYS) -> Iterator["np.lib.npyio.NpzFile"]:
    """The arrays of an .npz file, each read when it is asked for.

    Raises ValueError where they take more than `most` bytes, as a small file may hold any number, and UserError where
    it is no file.
    """
    import numpy as np

    require_file(path)
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > most:
        raise ValueError(f"its arrays take {size:,} bytes")
    with np.load(path, allow_pickle=False) as arrays:
        yield arrays


def sha256(path: Path) -> str:
    """Raises UserError where it is no file."""
    require_file(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """As `sha256`, once a process for as long as the file stays as it is."""
    return _sha256(path, path.stat().st_ctime_ns)


@functools.cache
def _sha256(path: Path, _changed: int) -> str:
    return sha256(path)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8: the whole file, or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes the whole file, or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes the whole file, or nothing. Raises ValueError of NaN and infinity, which JSON has not."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises UserError where it is no file, or not JSON."""
    require_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again.") from error
