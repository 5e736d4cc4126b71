"""How much memory this process, or those that it starts, have taken at most."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_INTERVAL = 0.2  # seconds


def peak_memory(process: int | str = "self") -> int:
    """Bytes. Not getrusage's ru_maxrss, which a process takes over from whoever started it."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(peak) * 1024


@contextlib.contextmanager
def watched() -> Iterator[dict[int, int]]:
    """Yields peak_memory by process, of all that run below this one meanwhile; it is looked at five times a second."""
    peaks: dict[int, int] = {}

    def look() -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                peaks[process.pid] = peak_memory(process.pid)

    with _looking(look):
        yield peaks


@contextlib.contextmanager
def watched_together(teams: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """Yields the most bytes that each team of processes has taken, by its name; it is looked at as often.

    What they have mapped of files, which is the libraries that they share, is counted once.
    """
    peaks = dict.fromkeys(teams, 0)

    def look() -> None:
        for name, processes in teams.items():
            own, mapped = zip(*map(_taken, processes), strict=True)
            peaks[name] = max(peaks[name], sum(own) + max(mapped))

    with _looking(look):
        yield peaks


def _taken(process: int) -> tuple[int, int]:
    """Bytes of its own, and mapped of files."""
    status = Path(f"/proc/{process}/status").read_text()
    own, mapped = (int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) * 1024 for kind in ("RssAnon", "RssFile"))
    return own, mapped


@contextlib.contextmanager
def _looking(look: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_INTERVAL):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
