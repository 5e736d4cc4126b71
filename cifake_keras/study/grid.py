"""Run the cells of the grid that are not done, and export what came out."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.detector import model_card, saved_model
from cifake_keras.evaluation import statistics
from cifake_keras.protocol import Condition
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import executors, files
from cifake_keras.runtime.executors import Executor
from cifake_keras.runtime.progress import say
from cifake_keras.study import examples
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import AutoencoderTask, CellTask, Task, read_classifier

LIMITS = [
    "It sees 32x32 pixels. A larger image is resized to that, which removes most of what a generator leaves behind.",
    "It knows the photographs and the generators that it was trained on. Of other generators it misses more, and other "
    "photographs it calls fake more often: see the tests on what training had not shown it.",
    "A probability is calibrated for images like those of its training, half of which are fakes.",
    "What it says of one image is no proof.",
]


def run(wanted: Iterable[Cell], settings: Settings, executor: Executor) -> None:
    """Runs what is not done, then exports and draws examples of each phase.

    Raises UserError where images are missing, or a finished cell was made with other settings; Unfinished where a cell
    failed, when all the others are done and exported.
    """
    wanted = list(wanted)
    phases = _phases(wanted, settings)
    for phase in phases.values():
        phase.introduce()
    found = _cells(wanted, phases)
    for task in found:
        if task.done():
            say(f"{task.title}: done before")
            task.tidy()
    left = _left(found)
    unfinished = executors.settle(executor, left, "cifake_keras.study.grid:tasks", wanted, settings)
    for phase in phases.values():
        with files.claim(settings.results_dir / ".claims" / f"{phase.phase.name}-export"):
            _finish(phase)
    if unfinished:
        raise unfinished


def tasks(wanted: list[Cell], settings: Settings) -> list[Task]:
    """What is not done of `wanted` and what it needs."""
    return _left(_cells(wanted, _phases(wanted, settings)))


def _phases(wanted: list[Cell], settings: Settings) -> dict[str, PhaseRun]:
    return {name: PhaseRun(name, settings) for name in dict.fromkeys(cell.phase for cell in wanted)}


def _cells(wanted: list[Cell], phases: dict[str, PhaseRun]) -> list[CellTask]:
    return [CellTask(phases[cell.phase], cell) for cell in wanted]


def _left(found: list[CellTask]) -> list[Task]:
    """What is not done: cells, before them what they need, and first the autoencoders, for which most others wait."""
    needed: dict[Path, Task] = {}
    for cell in found:
        if not cell.done():
            needed |= {task.folder: task for task in [*cell.needs(), cell] if not task.done()}
    return sorted(needed.values(), key=lambda task: not isinstance(task, AutoencoderTask))


def _finish(phase: PhaseRun) -> None:
    """Draws the figures' examples and exports each condition's best cell by validation accuracy, unless it has been.

    Exported comes last, so that a run that was killed in between does both.
    """
    best = {
        condition: cell
        for condition in protocol.CONDITIONS.values()
        if (cell := best_cell(phase.settings.results_dir, phase.phase.name, condition.name))
    }
    outdated = {condition: cell for condition, cell in best.items() if not _is_exported(phase, condition, *cell)}
    if not outdated:
        return
    networks = {
        condition: (read_classifier(folder, metrics["classifier"]), phase.autoencoder_of(condition))
        for condition, (folder, metrics) in best.items()
    }
    path = phase.settings.results_dir / "runs" / phase.phase.name / "examples.npz"
    examples.write(path, phase.settings.preset, phase.data, networks)
    for condition, cell in outdated.items():
        target = _exported(phase, condition)
        saved_model.write(target, condition, *networks[condition], phase.settings.kernel, card_of(*cell))
        say(f"SavedModel of {condition.title}: {target}")


def _exported(phase: PhaseRun, condition: Condition) -> Path:
    return phase.settings.saved_models_dir / phase.phase.name / condition.name


def _is_exported(phase: PhaseRun, condition: Condition, folder: Path, metrics: dict) -> bool:
    return model_card.read(_exported(phase, condition)) == card_of(folder, metrics)


def best_cell(results_dir: Path, phase: str, condition: str) -> tuple[Path, dict] | None:
    """The folder and metrics of the finished cell with the best validation accuracy."""
    found = sorted((results_dir / "runs" / phase / condition).glob(f"*/seed-*/{cells.METRICS}"))
    done = [(path.parent, files.read_json(path)) for path in found if (path.parent / cells.WEIGHTS).exists()]
    return max(done, key=lambda cell: cell[1]["validation_accuracy"], default=None)


def card_of(folder: Path, metrics: dict) -> dict:
    """What a user of a cell's SavedModel should know. folder, metrics: the cell's."""
    told = ("preset", "phase", "condition", "classifier", "seed", "selection", "hyperparameters", "kernel", "precision")
    procedural = metrics["preset"] == "demo"
    return {
        "model": "cifake_keras " + version("cifake-keras"),
        "task": "probability that a 32x32 image was made by a generator (positive class: FAKE)",
        "trained_on": "procedural images, not the paper's data" if procedural else "real data",
        "threshold": protocol.THRESHOLD,
        "threshold_choice": "fixed before any test, not tuned",
        **{key: metrics[key] for key in told},
        "chosen": "the best validation accuracy of all seeds and classifiers",
        **{key: metrics[key] for key in ("n_train", "n_validation", "validation_accuracy", "data")},
        "in_sample": next(iter(metrics["tests"])),
        "tests": _with_intervals(folder, metrics["tests"]),
        "interval": "95%, over test images alone: what another training would change is not in it",
        "limits": LIMITS,
    }


def _with_intervals(folder: Path, tests: dict) -> dict:
    predictions = pd.read_csv(folder / cells.PREDICTIONS).groupby(["test_set", "evaluation"])
    return {
        test: {
            evaluation: scores | {"intervals": _intervals(predictions.get_group((test, evaluation)), scores)}
            for evaluation, scores in evaluations.items()
        }
        for test, evaluations in tests.items()
    }


def _intervals(predictions: pd.DataFrame, scores: dict) -> dict[str, list[float]]:
    """[low, high] by metric; of none where a class has a single image."""
    if min(scores["n_real"], scores["n_fake"]) < 2:
        return {}
    fake = (predictions["label"] == "FAKE").to_numpy()
    probability = predictions["probability_fake"].to_numpy()
    right = (probability >= scores["threshold"])[None] == fake
    estimates = {
        "accuracy": statistics.estimate(right, fake),
        "balanced_accuracy": statistics.estimate(right, fake, balanced=True),
        "tpr": statistics.estimate(right[:, fake]),
        "tnr": statistics.estimate(right[:, ~fake]),
        "auc": statistics.auc(probability, fake),
    }
    return {name: np.clip(found.interval, 0, 1).round(4).tolist() for name, found in estimates.items()}
