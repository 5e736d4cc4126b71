"""How far the cells of a grid are, and what they need, from their files alone. Imports no TensorFlow."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.cells import ABSENT, DONE, UNFINISHED, Cell
from cifake_keras.runtime import executors, files
from cifake_keras.study import sweep
from cifake_keras.training import checkpoints

RUNNING, FAILED = "running", "failed"

_PAUSE = 2  # seconds between two looks


@dataclass(frozen=True)
class Piece:
    """One piece of work: an autoencoder, a group of a sweep, a cell.

    epochs, of: finished ones and how many there are to be. rate: seconds that the last one took. images: of an epoch.
    left: seconds. All are None where they are not known.
    """

    title: str
    state: str
    epochs: int | None = None
    of: int | None = None
    rate: float | None = None
    images: int | None = None
    left: float | None = None

    def __str__(self) -> str:
        details = [] if self.epochs is None else [f"epoch {self.epochs} of {self.of}"]
        if self.rate and self.images:
            details.append(f"{self.rate:.1f} s an epoch ({self.images / self.rate:,.0f} images/s)")
        if self.left is not None:
            details.append(f"{_duration(self.left)} left")
        return f"{self.state:<11}{self.title}" + (f": {', '.join(details)}" if details else "")


def watch(wanted: Sequence[Cell], results_dir: Path) -> None:
    """Shows until each cell is done or has failed what is neither done nor to do, which fits a terminal.

    Without a terminal, each line of the report that has changed.
    """
    console = Console(highlight=False, soft_wrap=True)
    before: list[str] = []
    with Live(console=console, auto_refresh=False) as live:
        while True:
            listed = pieces(wanted, results_dir)
            now = report(listed)
            if console.is_terminal:
                begun = [str(piece) for piece in listed.values() if piece.state not in (DONE, ABSENT)]
                live.update(Text("\n".join([*begun, now[-1]])), refresh=True)
            elif changed := [line for line in now if line not in before]:
                print(*changed, sep="\n", flush=True)
            if all(listed[cell.folder(results_dir)].state in (DONE, FAILED) for cell in wanted):
                return
            before = now
            time.sleep(_PAUSE)


def report(listed: dict[Path, Piece]) -> list[str]:
    """A line for each piece of work, then how many are in which state, and the time left where it can be told."""
    states = [piece.state for piece in listed.values()]
    counts = [f"{states.count(state)} {state}" for state in (DONE, RUNNING, FAILED, UNFINISHED, ABSENT)]
    left = time_left(listed)
    return [*map(str, listed.values()), ", ".join(counts) + (f"; about {_duration(left)} left" if left else "")]


def pieces(wanted: Sequence[Cell], results_dir: Path) -> dict[Path, Piece]:
    """By folder: the cells, and before them what they need."""
    titles: dict[Path, str] = {}
    for cell in wanted:
        titles |= dict(_needed(cell, results_dir)) | {cell.folder(results_dir): str(cell)}
    return {folder: _piece(title, folder, results_dir) for folder, title in titles.items()}


def time_left(listed: dict[Path, Piece]) -> float | None:
    """Seconds until all is done, with as many at once as now; None where nothing tells how long a piece takes."""
    spent = {folder: _spent(folder) for folder, piece in listed.items() if piece.state == DONE}
    total = 0.0
    for folder, piece in listed.items():
        if piece.state not in (DONE, FAILED):
            seconds = piece.left if piece.left is not None else _expected(folder, spent)
            if seconds is None:
                return None
            total += seconds
    return total / max(1, sum(piece.state == RUNNING for piece in listed.values()))


def _needed(cell: Cell, results_dir: Path) -> Iterator[tuple[Path, str]]:
    """The groups of a sweep, which only the run knows of before it begins, when one has begun."""
    swept = cells.sweep_folder(results_dir, cell)
    seeds = [protocol.SWEEP_SEED] * swept.exists() + [cell.seed]
    for step in (step.fitted for step in protocol.CONDITIONS[cell.condition].needed):
        for seed in seeds if step.training else ():
            folder = cells.step_folder(results_dir, cell.phase, step.name, seed)
            yield folder, f"{cell.phase} {step.name} seed {seed}"
    if swept.exists():
        groups = len(sweep.groups(protocol.candidates(cell.classifier, cell.condition)))
        for group in range(groups):
            yield cells.group_folder(swept, group), sweep.group_title(cell, group, groups)


def _piece(title: str, folder: Path, results_dir: Path) -> Piece:
    state = cells.state(folder)
    if state != UNFINISHED:
        return Piece(title, state)
    if not files.claimed(cells.claim(results_dir, folder)):
        return Piece(title, FAILED if (folder / executors.FAILURE).exists() else UNFINISHED)
    history, config = _history(folder), _config(folder)
    if not config:
        return Piece(title, RUNNING)
    of = _epochs(config)
    if not history:
        return Piece(title, RUNNING, 0, of)
    (rate,) = history[-1]["seconds"]
    return Piece(
        title,
        RUNNING,
        len(history),
        of,
        rate,
        sum(cells.trained_on(config["data"]).values()),
        (of - len(history)) * rate,
    )


def _config(folder: Path) -> dict:
    return cells.read_config(folder) if (folder / cells.CONFIG).exists() else {}


def _epochs(config: dict) -> int:
    """Of a cell, a group of a sweep or the network of a step."""
    if "step" in config:
        return config["step"]["training"]["hyperparameters"]["epochs"]
    return config.get("hyperparameters", config.get("candidates", [None])[0])["epochs"]


def _history(folder: Path) -> list[dict]:
    """The epochs that a training has finished, from its checkpoint."""
    try:
        return checkpoints.read(folder / cells.CHECKPOINT).history
    except Exception:  # there is none yet, or no longer, or it is damaged, which numpy tells in errors of any kind
        return []


def _spent(folder: Path) -> float:
    """Seconds."""
    return cells.read_metrics(folder)["seconds"]


def _expected(folder: Path, spent: dict[Path, float]) -> float | None:
    """The mean of what is done of the same condition and classifier, else of everything."""
    alike = [seconds for other, seconds in spent.items() if other.parent == folder.parent]
    return mean(alike or spent.values()) if spent else None


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
