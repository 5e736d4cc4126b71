"""Run the cells of the grid that are not done, and export what came out."""

from collections.abc import Iterable
from pathlib import Path

from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import executors, files
from cifake_keras.runtime.executors import Executor
from cifake_keras.runtime.progress import say
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.publishing import publish, require_own
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import CellTask, StepTask, Task


def run(wanted: Iterable[Cell], settings: Settings, executor: Executor) -> None:
    """Runs what is not done, then exports and draws examples of each phase.

    Raises UserError where images or weights are missing, a finished cell was made with other settings, or a SavedModel
    of other results would be replaced; Unfinished where a cell failed, when all the others are done and exported.
    """
    wanted = list(wanted)
    phases = _phases(wanted, settings)
    for phase in phases.values():
        phase.introduce()
    for cell in wanted:
        require_own(phases[cell.phase], cell.condition)
        phases[cell.phase].require_weights(cell)
    listed = _cells(wanted, phases)
    for task in listed:
        if task.done():
            say(f"{task.title}: done before")
            task.tidy()
    left = _left(listed)
    unfinished = executors.settle(executor, left, f"{__name__}:{tasks.__name__}", wanted, settings)
    for phase in phases.values():
        with files.claim(cells.export_claim(settings.results_dir, phase.phase.name)):
            publish(phase)
    if unfinished:
        raise unfinished


def tasks(wanted: list[Cell], settings: Settings) -> list[Task]:
    """What is not done of `wanted` and what it needs."""
    return _left(_cells(wanted, _phases(wanted, settings)))


def _phases(wanted: list[Cell], settings: Settings) -> dict[str, PhaseRun]:
    return {name: PhaseRun(name, settings) for name in dict.fromkeys(cell.phase for cell in wanted)}


def _cells(wanted: list[Cell], phases: dict[str, PhaseRun]) -> list[CellTask]:
    return [CellTask(phases[cell.phase], cell) for cell in wanted]


def _left(listed: list[CellTask]) -> list[Task]:
    """What is not done: cells, before them what they need, first the networks of steps, for which most others wait."""
    needed: dict[Path, Task] = {}
    for cell in listed:
        if not cell.done():
            needed |= {task.folder: task for task in [*cell.needs(), cell] if not task.done()}
    return sorted(needed.values(), key=lambda task: not isinstance(task, StepTask))
