"""How much memory this process, or those that it starts, have taken at most."""

import contextlib
import re
import threading
from collections.abc import Iterator
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
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(peaks, over))
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def _watch(peaks: dict[int, int], over: threading.Event) -> None:
    while not over.wait(_INTERVAL):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                peaks[process.pid] = peak_memory(process.pid)
