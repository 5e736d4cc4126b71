"""Files and folders that appear whole or not at all."""

import contextlib
import glob
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from filelock import SoftFileLease

from cifake_keras.runtime.errors import UserError

_DAY, _LEASE = 24 * 60 * 60, 60  # seconds


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; what is written there, file or folder, replaces it at the end.

    The temporary name keeps the suffix, which some writers look at. Whatever fails, `path` stays as it was. Temporary
    files of killed processes are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _temporary(path, "new"), _temporary(path, "old")
    for left in [temporary, old, *filter(_abandoned, path.parent.glob(f".*.*.*.{glob.escape(path.name)}"))]:
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


def _temporary(path: Path, purpose: str) -> Path:
    return path.with_name(f".{socket.gethostname()}.{os.getpid()}.{purpose}.{path.name}")


def _abandoned(temporary: Path) -> bool:
    """Its process is dead, or, if it is another machine's, has not touched it for a day."""
    host, process = temporary.name.rsplit(".new.", 1)[0].rsplit(".old.", 1)[0].removeprefix(".").rsplit(".", 1)
    if host == socket.gethostname():
        return process.isdecimal() and not psutil.pid_exists(int(process))
    with contextlib.suppress(FileNotFoundError):
        return time.time() - temporary.stat().st_mtime > _DAY
    return False


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


def make_once(path: Path, write: Callable[[Path], None]) -> None:
    """Calls `write` to make `path` unless it exists; processes that want the same one wait for the first of them."""
    if not path.exists():
        with claim(path.with_name(f"{path.name}.claim")):
            if not path.exists():
                with replacing(path) as temporary:
                    write(temporary)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises UserError where the file is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again.") from error
