"""What a grid gives to others: each condition's SavedModel with its card, the figures' examples, and mistakes."""

from importlib.metadata import version
from pathlib import Path

import numpy as np

from cifake_keras import protocol
from cifake_keras.detector import model_card, saved_model
from cifake_keras.evaluation import metrics, statistics
from cifake_keras.protocol import FAKE, Condition, Weights, seen_by
from cifake_keras.records import cells, finished, predictions
from cifake_keras.records.cells import Cell
from cifake_keras.records.examples import EXAMPLES
from cifake_keras.records.mistakes import MISTAKES
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.study import examples, mistakes
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.tasks import read_classifier

LIMITS = [
    "It sees 32x32 pixels. An image of any other size is resized to that, which hides most of what a generator leaves "
    "behind: many fakes go unnoticed then, also those that were scaled by a single pixel.",
    "It knows the photographs and the generators that it was trained on. Of other generators it misses more, and other "
    "photographs it calls fake more often: see the tests on what training had not shown it.",
    "A probability is calibrated for images like those of its training, half of which are fakes.",
    "What it says of one image is no proof.",
]


# What a card takes from its cell as it is.
_TAKEN = (
    *("preset", "phase", "condition", "classifier", "seed", "selection", "hyperparameters", "kernel", "precision"),
    *("n_train", "n_validation", "validation_accuracy", "data"),
)


def require_own(phase: PhaseRun, condition: str) -> None:
    """Raises UserError where the SavedModel of a condition would replace one that was not made from these results."""
    target = _exported(phase, condition)
    files.require_replaceable(target)
    if not (phase.settings.force or _is_vacant(target) or _is_own(phase, condition)):
        raise UserError(
            f"{target} was not made from {phase.settings.results_dir}; "
            "name another --saved-models-dir, or give --force to replace it."
        )


def _is_vacant(target: Path) -> bool:
    return not target.exists() or (target.is_dir() and not any(target.iterdir()))


def _is_own(phase: PhaseRun, condition: str) -> bool:
    """Whether a finished cell was exported there, not only the best of now, and by this version."""
    try:
        card = model_card.read(_exported(phase, condition))
    except UserError:
        return False
    recorded = map(cells.read_metrics, cells.finished(phase.settings.results_dir, phase.phase.name, condition))
    return any(all(card.get(key) == of_cell.get(key) for key in _TAKEN) for of_cell in recorded)


def publish(phase: PhaseRun) -> None:
    """Exports each condition's best cell by validation accuracy, with the figures' examples and the hardest mistakes.

    What is there and up to date stays. Exported comes last, so that a run that was killed in between does all.
    """
    best = {
        phase.condition(Cell(phase.phase.name, name, cell[1]["classifier"], cell[1]["seed"])): cell
        for name in protocol.CONDITIONS
        if (cell := best_cell(phase.settings.results_dir, phase.phase.name, name))
    }
    outdated = {condition: cell for condition, cell in best.items() if not _is_exported(phase, condition, *cell)}
    shared = cells.phase_folder(phase.settings.results_dir, phase.phase.name)
    shown = all((shared / name).exists() for name in (EXAMPLES, MISTAKES))
    if not best or (shown and not outdated):
        return
    networks = {
        condition: (read_classifier(folder, recorded["classifier"]), phase.networks(condition.steps))
        for condition, (folder, recorded) in best.items()
    }
    examples.make(phase.settings.preset, phase.data, networks).write(shared / EXAMPLES)
    mistakes.make(phase.data, best, networks).write(shared / MISTAKES)
    for condition, cell in track(outdated.items(), f"SavedModels of {phase.phase.title}", len(outdated)):
        require_own(phase, condition.name)
        target = _exported(phase, condition.name)
        saved_model.write(target, condition, *networks[condition], phase.settings.kernel, card_of(*cell))
        say(f"SavedModel of {condition.title}: {target}")


def _exported(phase: PhaseRun, condition: str) -> Path:
    return phase.settings.saved_models_dir / phase.phase.name / condition


def _is_exported(phase: PhaseRun, condition: Condition, folder: Path, recorded: dict) -> bool:
    target, card = _exported(phase, condition.name), card_of(folder, recorded)
    try:
        model_card.check(target)
        return model_card.read(target) == card
    except UserError as error:
        say(f"{target} is exported anew: {error}")
        return False


def best_cell(results_dir: Path, phase: str, condition: str) -> tuple[Path, dict] | None:
    """The folder and metrics of the finished cell with the best validation accuracy."""
    folders = [folder for folder in cells.finished(results_dir, phase, condition) if (folder / cells.WEIGHTS).exists()]
    best = max(map(finished.read_cell, folders), key=lambda cell: cell.validation_accuracy, default=None)
    return (best.folder, cells.read_metrics(best.folder)) if best else None


def card_of(folder: Path, recorded: dict) -> dict:
    """What a user of a cell's SavedModel should know. folder, recorded: the cell's, and its metrics.json."""
    procedural = recorded["preset"] == "demo"
    return {
        "model": "cifake_keras " + version("cifake-keras"),
        "task": "probability that a 32x32 image was made by a generator (positive class: FAKE)",
        "trained_on": "procedural images, not the paper's data" if procedural else "real data",
        "threshold": protocol.THRESHOLD,
        "threshold_choice": "fixed before any test, not tuned",
        **{key: recorded[key] for key in _TAKEN},
        **_weights_of(seen_by(recorded["classifier"], protocol.CONDITIONS[recorded["condition"]])),
        **({"verdicts": recorded["verdicts"]} if "verdicts" in recorded else {}),
        "chosen": "the best validation accuracy of all seeds and classifiers",
        "in_sample": next(iter(recorded["tests"])),
        "tests": _with_intervals(folder, recorded["tests"]),
        "interval": "95%, over test images alone: what another training would change is not in it",
        "limits": LIMITS,
    }


def _weights_of(condition: Condition) -> dict[str, list[dict[str, str]]]:
    """Those that networks of its steps come with: whence, under which licence, and what they have seen."""
    weights = dict.fromkeys(step.weights for step in condition.needed if step.weights)
    listed = [credited(of) for of in weights if of]
    return {"weights": listed} if listed else {}


def credited(weights: Weights) -> dict[str, str]:
    """What a card says of weights of others."""
    return {"name": weights.name, "origin": weights.origin, "licence": weights.licence, "seen": weights.seen}


def _with_intervals(folder: Path, tests: dict) -> dict:
    """The metrics, those too that there were not yet when the cell was finished, and their intervals."""
    scored = predictions.read(folder)
    with cells.as_written(folder / cells.PREDICTIONS):
        return {
            test: {
                evaluation: scores_of(*scored[test, evaluation], scores) for evaluation, scores in evaluations.items()
            }
            for test, evaluations in tests.items()
        }


def scores_of(labels: np.ndarray, probability: np.ndarray, scores: dict) -> dict:
    """All metrics with their intervals. labels: int64 [n]. scores: what is known, with threshold, n_real, n_fake."""
    if len(labels) != scores["n_real"] + scores["n_fake"]:
        raise ValueError(f"{len(labels):,} images of a test on {scores['n_real'] + scores['n_fake']:,}")
    measured = metrics.metrics(labels, probability, scores["threshold"])
    return measured | scores | {"intervals": _intervals(labels, probability, scores)}


def _intervals(labels: np.ndarray, probability: np.ndarray, scores: dict) -> dict[str, list[float]]:
    """[low, high] by metric; of none where a class has a single image."""
    if min(scores["n_real"], scores["n_fake"]) < 2:
        return {}
    fake = labels == FAKE
    right = (probability >= scores["threshold"])[None] == fake
    weights = statistics.evenly(fake)
    area = statistics.estimate(statistics.auc_values(probability[None], fake, weights), fake, weights)
    estimates = metrics.estimates(right, labels) | {"auc": area}
    return {name: np.clip(estimate.interval, 0, 1).round(4).tolist() for name, estimate in estimates.items()}
