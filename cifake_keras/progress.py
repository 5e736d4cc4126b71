"""Progress for people: a bar with an estimate on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)

Item = TypeVar("Item")


def bar() -> Progress:
    """A bar on the terminal; silent elsewhere, where `say` reports what is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def say(text: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False)


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    with bar() as progress:
        yield from progress.track(items, total=total, description=description)
