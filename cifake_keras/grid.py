"""Run the cells of the grid that are not done, and export what came out."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from cifake_keras import cells, examples, executors, export, files, protocol
from cifake_keras.cells import Cell
from cifake_keras.phases import PhaseRun
from cifake_keras.progress import say
from cifake_keras.protocol import Condition
from cifake_keras.settings import Settings
from cifake_keras.tasks import AutoencoderTask, CellTask, Task, read_classifier


def run(wanted: Iterable[Cell], settings: Settings, jobs: int = 1) -> None:
    """Runs what is not done, in `jobs` processes, then exports and draws examples of each phase.

    Raises UserError where images are missing, or a finished cell was made with other settings.
    """
    wanted = list(wanted)
    phases = _phases(wanted, settings)
    for phase in phases.values():
        phase.introduce()
    left = _left(wanted, phases)
    folders = {task.folder for task in left}
    for cell in wanted:
        if cell.folder(settings.results_dir) not in folders:
            say(f"{cell}: done before")
    executors.share(left, jobs, "cifake_keras.grid:work", wanted, settings)
    for phase in phases.values():
        _finish(phase)


def work(wanted: list[Cell], settings: Settings) -> None:
    """Runs what is not done, sharing it with other processes that do the same."""
    executors.work(_left(wanted, _phases(wanted, settings)))


def _phases(wanted: list[Cell], settings: Settings) -> dict[str, PhaseRun]:
    return {name: PhaseRun(name, settings) for name in dict.fromkeys(cell.phase for cell in wanted)}


def _left(wanted: list[Cell], phases: dict[str, PhaseRun]) -> list[Task]:
    """What is not done: cells, before them what they need, and first the autoencoders, for which most others wait."""
    needed: dict[Path, Task] = {}
    for cell in wanted:
        task = CellTask(phases[cell.phase], cell)
        needed |= {task.folder: task for task in [*task.sweep_tasks(), task]}
    left = [task for task in needed.values() if not task.done()]
    waited_for = dict.fromkeys(task.phase for task in left if task.autoencoded)
    autoencoders = [AutoencoderTask(phase) for phase in waited_for]
    return [task for task in autoencoders if not task.done()] + left


def _finish(phase: PhaseRun) -> None:
    """Exports each condition's best cell by validation accuracy, and draws the figures' examples."""
    best = {
        condition: cell
        for condition in protocol.CONDITIONS.values()
        if (cell := best_cell(phase.settings.results_dir, phase.phase.name, condition.name))
    }
    exported = [_export(phase, condition, *cell) for condition, cell in best.items()]
    if not any(exported):
        return
    networks = {
        condition: (read_classifier(cell[0], cell[1]["classifier"]), phase.autoencoder_of(condition))
        for condition, cell in best.items()
    }
    path = phase.settings.results_dir / "runs" / phase.phase.name / "examples.npz"
    examples.write(path, phase.settings.preset, phase.data, networks)


def _export(phase: PhaseRun, condition: Condition, folder: Path, metrics: dict) -> bool:
    """Whether there was anything to export: the card of an earlier export may tell of the same cell."""
    target = phase.settings.saved_models_dir / phase.phase.name / condition.name
    card = _model_card(metrics)
    path = target / export.MODEL_CARD
    if path.exists() and files.read_json(path) == card:
        return False
    classifier = read_classifier(folder, metrics["classifier"])
    export.write(target, condition, classifier, phase.autoencoder_of(condition), phase.settings.kernel, card)
    say(f"SavedModel of {condition.title}: {target}")
    return True


def best_cell(results_dir: Path, phase: str, condition: str) -> tuple[Path, dict] | None:
    """The folder and metrics of the finished cell with the best validation accuracy."""
    found = sorted((results_dir / "runs" / phase / condition).glob(f"*/seed-*/{cells.METRICS}"))
    done = [(path.parent, files.read_json(path)) for path in found if (path.parent / cells.WEIGHTS).exists()]
    return max(done, key=lambda cell: cell[1]["validation_accuracy"], default=None)


def _model_card(metrics: dict) -> dict:
    """What a user of the SavedModel should know, from the metrics of its cell."""
    told = ("preset", "phase", "condition", "classifier", "seed", "selection", "hyperparameters", "kernel", "precision")
    procedural = metrics["preset"] == "demo"
    return {
        "model": "cifake_keras " + version("cifake-keras"),
        "task": "probability that a 32x32 image was made by a generator (positive class: FAKE)",
        "trained_on": "procedural images, not the paper's data" if procedural else "real data",
        "threshold": protocol.THRESHOLD,
        "threshold_choice": "fixed, not tuned",
        **{key: metrics[key] for key in told},
        **{key: metrics[key] for key in ("n_train", "n_validation", "validation_accuracy", "tests", "data")},
        "limits": "Trained on 32x32 images; accuracy on unseen generators is much lower than in-sample, see tests.",
    }
