"""Run the cells of the grid that are not done, one after the other."""

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from cifake_keras import cells, evaluation, export, files, models, protocol, saliency, splits, sweep, training
from cifake_keras.cells import Cell
from cifake_keras.progress import say
from cifake_keras.protocol import CLASSES, Condition, Hyperparameters
from cifake_keras.splits import ImageSet, PhaseImages


@dataclass(frozen=True)
class Settings:
    """What a run of the grid shares. epochs: of the classifiers, in place of the protocol's."""

    preset: str
    data_dir: Path
    results_dir: Path
    saved_models_dir: Path
    swept: bool = True
    epochs: int | None = None
    kernel: str = protocol.KERNELS[0]
    precision: str = "float32"
    validation_files: frozenset[str] = frozenset()

    def epochs_of(self, hyperparameters: Hyperparameters) -> Hyperparameters:
        return replace(hyperparameters, epochs=self.epochs) if self.epochs else hyperparameters


def run(wanted: Iterable[Cell], settings: Settings) -> None:
    """Runs what is not done, then exports and draws examples of each phase.

    Raises UserError where images are missing, or a finished cell was made with other settings.
    """
    wanted = list(wanted)
    for name in dict.fromkeys(cell.phase for cell in wanted):
        phase = _PhaseRun(name, settings)
        phase.introduce()
        for number, cell in enumerate(of_phase := [cell for cell in wanted if cell.phase == name], start=1):
            phase.run(cell, f"[{number}/{len(of_phase)}]")
        phase.finish()


class _PhaseRun:
    """The cells of a phase share its images and its autoencoder."""

    def __init__(self, name: str, settings: Settings):
        self.settings = settings
        self.phase = protocol.phases(settings.preset)[name]
        self.data: PhaseImages = splits.compose(
            self.phase, settings.preset, settings.data_dir, settings.kernel, settings.validation_files
        )
        self.config = {
            "preset": settings.preset,
            "phase": name,
            "kernel": settings.kernel,
            "precision": settings.precision,
            "validation_files": splits.digest(settings.validation_files),
            "data": self.data.data,
            "autoencoder": asdict(protocol.AUTOENCODER),
        }

    def introduce(self) -> None:
        train, validation = len(self.data.train), len(self.data.validation)
        say(f"{self.phase.title}: {train:,} training images, {validation:,} for validation")
        for test in self.phase.tests:
            if images := self.data.tests.get(test.name):
                say(f"  test {test.title}: {images.count(0):,} real, {images.count(1):,} fake")
            else:
                say(f"  test {test.title}: left out, there are no images of it")
        for split, count in self.data.shared.items():
            if count:
                say(f"  {count:,} images of {split} are in the training set too, as the official split has them")

    @cached_property
    def autoencoder(self) -> keras.Sequential:
        """Trained when a cell first asks for it; read from its folder from then on."""
        folder = cells.autoencoder_folder(self.settings.results_dir, self.phase.name)
        # Results that were copied here may have left the weights behind.
        if not cells.is_done(folder, self.config) or not (folder / cells.WEIGHTS).exists():
            self._train_autoencoder(folder)
        network = models.autoencoder()
        network.load_weights(folder / cells.WEIGHTS)
        return network

    def _train_autoencoder(self, folder: Path) -> None:
        started = time.monotonic()
        title = f"{self.phase.name} autoencoder"
        files.write_json(folder / cells.CONFIG, self.config)
        network, history = training.train_autoencoder(
            self.data.train, self.data.validation, protocol.AUTOENCODER, 0, self.settings.precision, title
        )
        _write_network(folder, network, history)
        record = {"validation_mse": history["val_loss"].iloc[-1], "seconds": round(time.monotonic() - started, 1)}
        files.write_json(folder / cells.METRICS, {**record, "environment": environment()})

    def _autoencoder_of(self, condition: Condition) -> keras.Sequential | None:
        return self.autoencoder if condition.autoencoded else None

    def run(self, cell: Cell, progress: str) -> None:
        folder = cell.folder(self.settings.results_dir)
        hyperparameters = self._hyperparameters(cell)
        config = {
            **self._condition_config(cell),
            "seed": cell.seed,
            "selection": "sweep" if self.settings.swept else "fixed",
            "hyperparameters": asdict(hyperparameters),
        }
        if cells.is_done(folder, config):
            say(f"{progress} {cell}: done before")
            return
        self._autoencoder_of(protocol.CONDITIONS[cell.condition])  # whose seconds are the phase's, not the cell's
        started = time.monotonic()
        files.write_json(folder / cells.CONFIG, config)
        classifier, history = self._train(cell, hyperparameters, cell.seed, f"{progress} {cell}")
        _write_network(folder, classifier, history)
        metrics = self._evaluate(cell, classifier, folder)
        timed = {"environment": environment(), "seconds": round(time.monotonic() - started, 1)}
        files.write_json(folder / cells.METRICS, {**config, **metrics, **timed})
        say(f"{progress} {cell}: {_summary(metrics)}")

    def _condition_config(self, cell: Cell) -> dict:
        """What a cell shares with the others of its condition and classifier."""
        config = {**self.config, "condition": cell.condition, "classifier": cell.classifier}
        return config if protocol.CONDITIONS[cell.condition].autoencoded else {**config, "autoencoder": None}

    def _hyperparameters(self, cell: Cell) -> Hyperparameters:
        if not self.settings.swept:
            return self.settings.epochs_of(protocol.FIXED[cell.condition])
        candidates = tuple(map(self.settings.epochs_of, protocol.SWEEPS[cell.condition]))

        def validation_accuracy(candidate: Hyperparameters) -> float:
            title = f"sweep {cell.phase} {cell.condition} lr {candidate.learning_rate:g} l2 {candidate.l2:g}"
            _, history = self._train(cell, candidate, 0, title)
            return history["val_accuracy"].iloc[-1]

        config = {**self._condition_config(cell), "candidates": list(map(asdict, candidates))}
        return sweep.choose(
            cells.sweep_folder(self.settings.results_dir, cell), config, candidates, validation_accuracy
        )

    def _train(self, cell: Cell, hyperparameters: Hyperparameters, seed: int, title: str):
        condition = protocol.CONDITIONS[cell.condition]
        return training.train_classifier(
            self.data.train,
            self.data.validation,
            condition,
            cell.classifier,
            self._autoencoder_of(condition),
            hyperparameters,
            seed,
            self.settings.precision,
            title,
        )

    def _evaluate(self, cell: Cell, classifier: keras.Model, folder: Path) -> dict:
        """The cell's metrics; writes its predictions."""
        condition = protocol.CONDITIONS[cell.condition]
        score = evaluation.Scorer(condition, classifier, self._autoencoder_of(condition))
        validation = evaluation.metrics(self.data.validation.labels, score(self.data.validation, "matched"))
        tests, predictions = {}, []
        for name, images in self.data.tests.items():
            tests[name] = {}
            for evaluated in protocol.EVALUATIONS:
                probability_fake = score(images, evaluated)
                tests[name][evaluated] = evaluation.metrics(images.labels, probability_fake)
                predictions.append(_predictions(name, evaluated, images, probability_fake))
        files.write_text(folder / cells.PREDICTIONS, pd.concat(predictions).to_csv(index=False, float_format="%.6f"))
        return {
            "n_train": len(self.data.train),
            "n_validation": len(self.data.validation),
            "validation_accuracy": validation["accuracy"],
            "tests": tests,
            "shared_with_train": self.data.shared,
        }

    def finish(self) -> None:
        """Exports each condition's best cell by validation accuracy, and draws the figures' examples."""
        best = {
            condition: cell
            for condition in protocol.CONDITIONS.values()
            if (cell := best_cell(self.settings.results_dir, self.phase.name, condition.name))
        }
        exported = [self._export(condition, *cell) for condition, cell in best.items()]
        if not any(exported):
            return
        networks = {
            condition: (_read_classifier(*cell), self._autoencoder_of(condition)) for condition, cell in best.items()
        }
        path = self.settings.results_dir / "runs" / self.phase.name / "examples.npz"
        saliency.write_examples(path, self.settings.preset, self.data, networks)

    def _export(self, condition: Condition, folder: Path, metrics: dict) -> bool:
        """Whether there was anything to export: the card of an earlier export may tell of the same cell."""
        target = self.settings.saved_models_dir / self.phase.name / condition.name
        card = _model_card(metrics)
        path = target / export.MODEL_CARD
        if path.exists() and files.read_json(path) == card:
            return False
        classifier = _read_classifier(folder, metrics)
        export.write(target, condition, classifier, self._autoencoder_of(condition), self.settings.kernel, card)
        say(f"SavedModel of {condition.title}: {target}")
        return True


def best_cell(results_dir: Path, phase: str, condition: str) -> tuple[Path, dict] | None:
    """The folder and metrics of the finished cell with the best validation accuracy."""
    found = sorted((results_dir / "runs" / phase / condition).glob(f"*/seed-*/{cells.METRICS}"))
    done = [(path.parent, files.read_json(path)) for path in found if (path.parent / cells.WEIGHTS).exists()]
    return max(done, key=lambda cell: cell[1]["validation_accuracy"], default=None)


def _write_network(folder: Path, network: keras.Model, history: pd.DataFrame) -> None:
    files.write_text(folder / cells.HISTORY, history.to_csv(index=False, float_format="%.6f"))
    with files.replacing(folder / cells.WEIGHTS) as temporary:
        network.save_weights(temporary)


def _read_classifier(folder: Path, metrics: dict) -> keras.Sequential:
    network = models.CLASSIFIERS[metrics["classifier"]]()
    network.load_weights(folder / cells.WEIGHTS)
    return network


def _predictions(test_set: str, evaluated: str, images: ImageSet, probability_fake) -> pd.DataFrame:
    examples = images.examples
    columns = {
        "test_set": test_set,
        "evaluation": evaluated,
        "filename": examples["filename"],
        "label": examples["label"].map(dict(enumerate(CLASSES))),
        "generator": examples["generator"],
        "probability_fake": probability_fake,
    }
    return pd.DataFrame(columns)


def _summary(metrics: dict) -> str:
    tests = (f"{name} {100 * test['matched']['accuracy']:.1f}%" for name, test in metrics["tests"].items())
    return f"validation {100 * metrics['validation_accuracy']:.1f}%, " + ", ".join(tests)


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


def environment() -> dict:
    """Versions and settings that can change the last digits of a result."""
    packages = ("tensorflow", "keras", "numpy", "cifake-keras")
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "device": gpus[0].name if gpus else "CPU",
        "processors": os.cpu_count(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
    }
