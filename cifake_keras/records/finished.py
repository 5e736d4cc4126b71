"""The finished cells of a results folder, checked: each is what its folder says, and all belong together."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime.errors import UserError

# By metric, threshold and number of images of a class; NaN where a class was missing.
Recorded = dict[str, float]


@dataclass(frozen=True)
class FinishedCell:
    """What a cell's metrics.json records.

    phase: as it was trained, at its scale. tests: by test set and evaluation. data: the
    sources, by name, with their images by split and class.
    """

    cell: Cell
    folder: Path
    preset: str
    phase: protocol.Phase
    kernel: str
    reading: str
    selection: str
    hyperparameters: protocol.Hyperparameters
    n_train: int
    n_validation: int
    validation_accuracy: float
    tests: dict[str, dict[str, Recorded]]
    data: list[dict[str, Any]]

    def images(self, source: str, splits: Iterable[str], name: str) -> int:
        """How many images of a source and class are in `splits`."""
        used: dict[str, dict[str, int]] = next((of["splits"] for of in self.data if of["name"] == source), {})
        return sum(used.get(split, {}).get(name, 0) for split in splits)


def read(results_dir: Path) -> list[list[FinishedCell]]:
    """The finished cells by phase, in the protocol's order.

    Raises UserError where there is none, where one is not what a finished cell writes, or where they do not belong
    together: a mean over seeds of different kernels or images would mean nothing.
    """
    with ThreadPoolExecutor() as threads:  # their weights are hashed, megabytes each
        done = list(threads.map(read_cell, cells.finished(results_dir)))
    if not done:
        raise UserError(f"{results_dir} has no finished cell: no {cells.METRICS} below runs/; train first.")
    _agree(results_dir, done, "presets", lambda cell: cell.preset)
    by_phase = [[cell for cell in done if cell.cell.phase == name] for name in protocol.phases(done[0].preset)]
    for phase in by_phase:
        _agree(results_dir, phase, "resize kernels", lambda cell: cell.kernel)
        _agree(results_dir, phase, "readings", lambda cell: cell.reading)
        _agree(results_dir, phase, "data", lambda cell: cell.data)
    return [sorted(phase, key=_protocol_order) for phase in by_phase if phase]


def _agree(results_dir: Path, done: list[FinishedCell], what: str, of: Callable[[FinishedCell], object]) -> None:
    other = next((cell for cell in done if of(cell) != of(done[0])), None)
    if other:
        first, second = (cell.folder.relative_to(results_dir) / cells.METRICS for cell in (done[0], other))
        raise UserError(
            f"{results_dir} mixes {what}: {first} and {second} differ; keep them in results folders of their own."
        )


def _protocol_order(done: FinishedCell) -> tuple[int, int, int]:
    conditions, classifiers = list(protocol.CONDITIONS), list(protocol.CLASSIFIERS)
    return conditions.index(done.cell.condition), classifiers.index(done.cell.classifier), done.cell.seed


def read_cell(folder: Path) -> FinishedCell:
    """Raises UserError where one of its files is not what a finished cell writes, or not the one that it wrote."""
    cells.check_digests(folder)
    with cells.as_written(folder / cells.METRICS):
        return _checked(folder, cells.read_metrics(folder))


def _checked(folder: Path, metrics: dict[str, Any]) -> FinishedCell:
    cell = Cell(metrics["phase"], metrics["condition"], metrics["classifier"], int(metrics["seed"]))
    phase = _checked_names(folder, cell, metrics)
    return FinishedCell(
        cell=cell,
        folder=folder,
        preset=metrics["preset"],
        phase=phase,
        kernel=metrics["kernel"],
        reading=metrics.get("reading", next(iter(protocol.READINGS))),
        selection=metrics["selection"],
        hyperparameters=protocol.Hyperparameters(**metrics["hyperparameters"]),
        n_train=int(metrics["n_train"]),
        n_validation=int(metrics["n_validation"]),
        validation_accuracy=_number(metrics["validation_accuracy"]),
        tests=_tests(metrics["tests"], phase),
        data=_data(metrics["data"]),
    )


def _checked_names(folder: Path, cell: Cell, metrics: dict[str, Any]) -> protocol.Phase:
    # A folder copied under another name would count a cell twice.
    if folder != cell.folder(folder.parents[4]):
        raise ValueError("it belongs to another folder")
    _known("preset", [metrics["preset"]], protocol.PRESETS)
    phases = protocol.phases(metrics["preset"], metrics.get("scale", 1.0))
    _known("phase", [cell.phase], phases)
    _known("condition", [cell.condition], protocol.CONDITIONS)
    _known("classifier", [cell.classifier], protocol.CLASSIFIERS)
    _known("selection", [metrics["selection"]], protocol.SELECTIONS)
    return phases[cell.phase]


def _known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name}")


def _tests(recorded: dict[str, dict[str, dict[str, Any]]], phase: protocol.Phase) -> dict[str, dict[str, Recorded]]:
    """In the protocol's order."""
    names = [test.name for test in phase.tests]
    _known("test set", recorded, names)
    if not any(recorded.values()):
        raise ValueError("no test result")
    return {name: _evaluations(recorded[name]) for name in names if name in recorded}


def _evaluations(recorded: dict[str, dict[str, Any]]) -> dict[str, Recorded]:
    _known("evaluation", recorded, protocol.EVALUATIONS)
    return {name: _recorded(recorded[name]) for name in protocol.EVALUATIONS if name in recorded}


def _recorded(scores: dict[str, Any]) -> Recorded:
    """Metrics may be missing: newer code has others."""
    for name in ("threshold", "n_real", "n_fake"):
        if name not in scores:
            raise KeyError(name)
    return {name: _number(value) for name, value in scores.items()}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _data(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((source | {"splits": _splits(source["splits"])} for source in sources), key=itemgetter("name"))


def _splits(splits: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    return {split: {name: int(count) for name, count in classes.items()} for split, classes in splits.items()}
