"""The pieces of work of a grid: the networks of steps, once a phase and seed, the groups of a sweep, the cells.

Each has a folder with the config.json that it was done with, and is done when metrics.json is there.
"""

import os
import platform
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import expit

from cifake_keras import models
from cifake_keras.evaluation.metrics import metrics
from cifake_keras.evaluation.operating_points import operating_points
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import CLEAN, EVALUATIONS, MATCHED, SWEEP_SEED, Hyperparameters, Step, Steps
from cifake_keras.records import cells, finished, predictions
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.splits.composition import ImageSet
from cifake_keras.study import sweep
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.training import reconstruction, replicas
from cifake_keras.training.fitting import Session, diverged


class Task(ABC):
    """One piece of work; see executors.Job for `folder`, `claim`, `done`, `needs` and `run`.

    free: the settings in which work that is done may differ from that which is wanted.
    """

    free: tuple[str, ...] = ()

    def __init__(self, phase: PhaseRun, title: str, folder: Path):
        self.phase, self.title, self.folder = phase, title, folder
        self.claim = cells.claim(phase.settings.results_dir, folder)

    def done(self) -> bool:
        """Raises UserError where it was done with other settings."""
        return cells.is_done(self.folder, self.config(), self.free)

    def run(self) -> None:
        started = time.monotonic()
        self._begin()
        metrics = self.measure()
        seconds = round(time.monotonic() - started, 1)
        timed = {"environment": environment(self.phase.settings.strategy), "seconds": seconds}
        files.write_json(self.folder / cells.METRICS, {**metrics, **timed, **cells.digests(self.folder)})
        self.tidy()

    def _begin(self) -> None:
        """Leaves of an earlier attempt what this one can go on from.

        Its metrics go: until the new ones are there, they would vouch for files that are being replaced.
        """
        (self.folder / cells.METRICS).unlink(missing_ok=True)
        path, config = self.folder / cells.CONFIG, self.config()
        if not path.exists() or files.read_json(path) != config:
            self.tidy()
            files.write_json(path, config)

    def tidy(self) -> None:
        """Removes the checkpoint, which a process that was killed may have left."""
        (self.folder / cells.CHECKPOINT).unlink(missing_ok=True)

    def session(self) -> Session:
        settings = self.phase.settings
        return Session(self.title, settings.precision, self.folder, settings.strategy, settings.tensorboard)

    def _refuse_diverged(self, history: pd.DataFrame) -> None:
        if diverged(history):
            raise UserError(f"{self.title}: the loss is no number after epoch {history['epoch'].iloc[-1]}.")

    @abstractmethod
    def config(self) -> dict:
        """Every setting that shapes the result."""

    def needs(self) -> list["Task"]:
        return []

    @abstractmethod
    def measure(self) -> dict:
        """Does the work and returns what metrics.json is to hold."""


class StepTask(Task):
    """Fits the network of a step. Its weights are float32 in either precision."""

    free = ("precision",)

    def __init__(self, phase: PhaseRun, step: Step):
        folder = phase.step_folder(step)
        super().__init__(phase, f"{phase.phase.name} {step.name} {folder.name.replace('-', ' ')}", folder)
        self.step = step

    def needs(self) -> list[Task]:
        return step_tasks(self.phase, self.step.fitting.steps)

    def done(self) -> bool:
        # Results that were copied here may have left the weights behind.
        return super().done() and (self.folder / cells.WEIGHTS).exists()

    def config(self) -> dict:
        return {**self.phase.config, "step": self.step.described()}

    def measure(self) -> dict:
        data, networks = self.phase.data, self.phase.networks(self.step.fitting.steps)
        network, history = reconstruction.train(self.step, networks, data.train, data.validation, self.session())
        self._refuse_diverged(history)
        _write_network(self.folder, network, history)
        return {"validation_mse": history["val_loss"].iloc[-1]}


def step_tasks(phase: PhaseRun, steps: Steps) -> list[Task]:
    """Those that fit the networks of `steps`, after what they need."""
    tasks: dict[Path, Task] = {}
    for step in (step for step in steps if step.training):
        task = StepTask(phase, step)
        tasks |= {need.folder: need for need in [*task.needs(), task]}
    return list(tasks.values())


class _OfCell(Task):
    """What trains classifiers of a cell's condition."""

    def __init__(self, phase: PhaseRun, cell: Cell, title: str, folder: Path):
        super().__init__(phase, title, folder)
        self.cell, self.condition = cell, phase.condition(cell)
        self.sweep_folder = cells.sweep_folder(phase.settings.results_dir, cell)

    def needs(self) -> list[Task]:
        return step_tasks(self.phase, self.condition.needed)


class SweepTask(_OfCell):
    """A group of candidates, trained side by side with the sweep's own seed.

    Their choice holds in either precision.
    """

    free = ("precision",)

    def __init__(self, phase: PhaseRun, cell: Cell, group: int):
        cell = replace(cell, seed=SWEEP_SEED)
        folder = cells.group_folder(cells.sweep_folder(phase.settings.results_dir, cell), group)
        candidates = sweep.groups(phase.candidates(cell))
        super().__init__(phase, cell, sweep.group_title(cell, group, len(candidates)), folder)
        self.candidates = candidates[group]

    def config(self) -> dict:
        return {**self.phase.config_of(self.cell), "candidates": list(map(asdict, self.candidates))}

    def measure(self) -> dict:
        histories = [history for _, history in self.phase.train(self.cell, self.candidates, self.session())]
        accuracy = [0.0 if diverged(of) else float(of["val_accuracy"].iloc[-1]) for of in histories]
        of_all = pd.concat(dict(enumerate(histories)), names=["candidate", None]).reset_index(level=0)
        _write_history(self.folder, of_all)
        rows = [
            {**asdict(candidate), "validation_accuracy": value}
            for candidate, value in zip(self.candidates, accuracy, strict=True)
        ]
        say(f"{self.title}: best validation accuracy {100 * max(accuracy):.1f}%")
        return {"accuracy": rows}


class CellTask(_OfCell):
    """Trains and evaluates the network of a cell, after the sweep that chooses its hyper-parameters."""

    def __init__(self, phase: PhaseRun, cell: Cell):
        super().__init__(phase, cell, str(cell), cell.folder(phase.settings.results_dir))

    def needs(self) -> list[Task]:
        swept = [need for task in self.sweep_tasks() if not task.done() for need in (*task.needs(), task)]
        return super().needs() + swept

    def done(self) -> bool:
        done = all(task.done() for task in self.sweep_tasks()) and super().done()
        if done:
            finished.read_cell(self.folder)  # refuses what has been changed since
        return done

    def sweep_tasks(self) -> list[SweepTask]:
        if self.phase.settings.selection != "sweep":
            return []
        groups = sweep.groups(self.phase.candidates(self.cell))
        return [SweepTask(self.phase, self.cell, group) for group in range(len(groups))]

    def config(self) -> dict:
        return {
            **self.phase.config_of(self.cell),
            "seed": self.cell.seed,
            "selection": self.phase.settings.selection,
            "hyperparameters": asdict(self._hyperparameters()),
        }

    def _hyperparameters(self) -> Hyperparameters:
        if self.phase.settings.selection != "sweep":
            return self.phase.settings.hyperparameters(self.cell.classifier, self.cell.condition)
        return sweep.chosen(self.sweep_folder, self.phase.candidates(self.cell))

    def measure(self) -> dict:
        ((network, history),) = self.phase.train(self.cell, [self._hyperparameters()], self.session())
        self._refuse_diverged(history)
        _write_network(self.folder, network, history)
        metrics = self._evaluate(network)
        say(f"{self.title}: {_summary(metrics)}")
        return {**self.config(), **metrics}

    def _evaluate(self, classifier: keras.Model) -> dict:
        """The cell's metrics; writes its predictions."""
        condition, data = self.condition, self.phase.data
        score = Scorer(classifier, self.phase.networks(condition.steps), condition.range)

        def answers(images: ImageSet) -> dict[str, np.ndarray]:
            # Where nothing is left to chance, both evaluations are one path.
            paths = {name: condition.path(name) for name in EVALUATIONS}
            of_path = {path: expit(score(self.phase.tested(images, path), path)) for path in set(paths.values())}
            return {name: of_path[path] for name, path in paths.items()}

        validation = answers(data.validation)
        known = metrics(data.validation.labels, validation[MATCHED])
        tests: dict[str, dict] = {}
        parts = []
        for name, images in data.tests.items():
            tests[name] = {}
            for evaluated, probability_fake in answers(images).items():
                tests[name][evaluated] = metrics(images.labels, probability_fake)
                parts.append(predictions.rows(name, evaluated, images.examples, probability_fake))
        predictions.write(self.folder, parts)
        return {
            "n_train": len(data.train),
            "n_validation": len(data.validation),
            "validation_accuracy": known["accuracy"],
            "verdicts": operating_points(data.validation.labels, validation[CLEAN]),
            "tests": tests,
            "shared_with_train": data.shared,
        }


def read_classifier(folder: Path, classifier: str) -> keras.Sequential:
    """The network of a finished cell. Raises UserError where its files are not those that were recorded."""
    network = models.build(classifier)
    cells.check_digests(folder)
    network.load_weights(folder / cells.WEIGHTS)
    return network


def _write_history(folder: Path, history: pd.DataFrame) -> None:
    files.write_text(folder / cells.HISTORY, history.to_csv(index=False, float_format="%.6f"))


def _write_network(folder: Path, network: keras.Model, history: pd.DataFrame) -> None:
    _write_history(folder, history)
    with files.replacing(folder / cells.WEIGHTS) as temporary:
        network.save_weights(temporary)


def _summary(metrics: dict) -> str:
    tests = (f"{name} {100 * test['matched']['accuracy']:.1f}%" for name, test in metrics["tests"].items())
    return f"validation {100 * metrics['validation_accuracy']:.1f}%, " + ", ".join(tests)


def environment(strategy: str) -> dict:
    """Versions and settings that can change the last digits of a result."""
    packages = ("tensorflow", "keras", "numpy", "cifake-keras")
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "device": gpus[0].name if gpus else "CPU",
        "processors": os.cpu_count(),
        "strategy": strategy,
        "replicas": replicas.strategy(strategy).num_replicas_in_sync,
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1",
    }
