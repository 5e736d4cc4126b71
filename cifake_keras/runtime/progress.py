"""Progress for people: a bar with an estimate on a terminal, plain lines elsewhere.

A process that works for another one sends its lines and its progress there (`relay`).
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cifake_keras.runtime.text import printable

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

Item = TypeVar("Item")


class Relay(Protocol):
    """Takes ("say", text), ("began", folder), ("done", title, done, total) and ("end", title); a pipe, for one."""

    def send(self, message: tuple, /) -> None: ...


_relay: Relay | None = None
_log: Path | None = None


def relay(receiver: Relay) -> None:
    """From now on this process sends its lines and its progress to `receiver`."""
    global _relay
    _relay = receiver


def began(folder: Path) -> None:
    """Tells the process that this one works for which task it is doing."""
    if _relay:
        _relay.send(("began", str(folder)))


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Within, lines are added to a file too."""
    global _log
    path.parent.mkdir(parents=True, exist_ok=True)
    _log = path
    try:
        yield
    finally:
        _log = None


def say(text: str) -> None:
    """Tells what has happened: on the terminal, and in the log where there is one."""
    if _log:
        with open(_log, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    if _relay:
        _relay.send(("say", text))
    else:
        console.print(f"{time.strftime('%H:%M:%S')} {printable(text, lines=True)}")


@contextlib.contextmanager
def task(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes how much of `total` is done. Shows nothing but on a terminal."""
    if _relay:
        yield lambda done: _relay.send(("done", title, done, total))
        _relay.send(("end", title))
    else:
        with bars() as update:
            yield lambda done: update(title, done, total)


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, int | None, int | None], None]]:
    """Yields update(title, done, total); done is None when a task has ended, and its bar goes."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown: dict[str, TaskID] = {}
    hidden = not console.is_terminal
    # The estimate is from all that has been done, not from the last half minute: a piece of work may take longer.
    with Progress(
        *columns, console=console, transient=True, disable=hidden, speed_estimate_period=math.inf
    ) as progress:

        def update(title: str, done: int | None, total: int | None = None) -> None:
            if title not in shown:
                shown[title] = progress.add_task(printable(title), total=total)
            if done is None:
                progress.remove_task(shown.pop(title))
            else:
                progress.update(shown[title], completed=done)

        yield update


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar that moves as they are taken. total: how many there are, where that is known."""
    with task(description, total) as update:
        for done, item in enumerate(items, start=1):
            yield item
            update(done)
