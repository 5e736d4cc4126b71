"""Fit models, an epoch at a time, so that a training can be stopped at any step and goes on from there."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cifake_keras.protocol import Hyperparameters, Steps
from cifake_keras.records import cells
from cifake_keras.runtime import interruption, progress
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet
from cifake_keras.training.checkpoints import Checkpoint, State
from cifake_keras.training.curves import Curves

# Images of which TensorBoard shows what becomes of them.
_SHOWN = 8

# What Keras hands to a step: a pipeline's batch and its labels.
Data = tuple[dict, tf.Tensor]


@dataclass(frozen=True)
class Session:
    """How and where a training runs.

    title: what it is called on screen. folder: keeps the checkpoint from which it goes on when it was stopped; without,
    it starts anew. precision: "float32" or "bfloat16". strategy: see replicas. tensorboard: whether it draws
    curves and pictures in the folder.
    """

    title: str
    precision: str
    folder: Path | None = None
    strategy: str = "none"
    tensorboard: bool = False


@dataclass(frozen=True)
class Learner:
    """What is fitted. model: calls of Keras's fit train it. changing: the networks and optimisers that they change.

    steps, validation_steps: what a batch's images are to take. described, pictures: what TensorBoard shows of each
    network, and of a batch, as Curves takes them.
    """

    model: keras.Model
    changing: list
    steps: Steps
    validation_steps: Steps
    described: list[dict]
    pictures: Callable[[dict], dict[str, tf.Tensor]]


def fit(
    learner: Learner,
    images: ImageSet,
    validation: ImageSet,
    hyperparameters: Hyperparameters,
    seed: int,
    session: Session,
) -> list[pd.DataFrame]:
    """Fits for the epochs that are left, and returns the history of each network."""
    gc.collect()  # models of earlier trainings are cycles, and Python does not know what they weigh
    count = batches.count(images, hyperparameters.batch_size)
    variables = [variable for part in (*learner.changing, *learner.model.metrics) for variable in part.variables]
    checkpoint = Checkpoint(session.folder and session.folder / cells.CHECKPOINT, variables)
    with progress.task(session.title, count * hyperparameters.epochs) as show, interruption.deferred() as pending:
        state = checkpoint.restore()
        callbacks: list[keras.callbacks.Callback] = [
            _Reporter(session.title, count, hyperparameters.epochs, state, show)
        ]
        if session.tensorboard and session.folder:
            batch, _ = next(iter(batches.training_batches(images, learner.steps, _SHOWN, seed, epoch=0)))
            pictures = partial(learner.pictures, batch)
            callbacks.append(Curves(session.folder / cells.CURVES, learner.described, len(images), state, pictures))
        while state.epoch < hyperparameters.epochs and _finite(state.history):
            learner.model.fit(
                batches.training_batches(
                    images, learner.steps, hyperparameters.batch_size, seed, state.epoch, state.step
                ),
                initial_epoch=state.epoch,
                epochs=state.epoch + 1,
                validation_data=batches.evaluation_batches(validation, learner.validation_steps),
                callbacks=[*callbacks, _Keeper(checkpoint, state, count, pending)],
                shuffle=False,
                verbose=0,
            )
    return _histories(state.history)


class _Reporter(keras.callbacks.Callback):
    """Shows progress, and keeps the state up to date."""

    def __init__(self, title: str, steps: int, epochs: int, state: State, show: Callable[[int], None]):
        super().__init__()
        self.title, self.steps, self.epochs, self.state, self.show = title, steps, epochs, state, show

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.monotonic() - self.state.seconds

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.state.step += 1
        self.state.seconds = round(time.monotonic() - self.started, 2)
        self.show(self.steps * self.state.epoch + self.state.step)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        values = {name: np.atleast_1d(value).tolist() for name, value in (logs or {}).items()}
        seconds = self.state.seconds
        self.state.finish_epoch({"epoch": [epoch + 1], **values, "seconds": [seconds]})
        means = ", ".join(f"{name} {_range(value)}" for name, value in values.items())
        progress.say(f"{self.title}: epoch {epoch + 1} of {self.epochs}, {means} ({seconds:.0f} s)")


class _Keeper(keras.callbacks.Callback):
    """Saves the state after each epoch, and after the step in which a signal came.

    After the last step that waits for the end of the epoch: Keras fits no epoch that has no step left.
    """

    def __init__(self, checkpoint: Checkpoint, state: State, steps: int, pending: interruption.Pending):
        super().__init__()
        self.checkpoint, self.state, self.steps, self.pending = checkpoint, state, steps, pending

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.state.step:
            self.checkpoint.restore()  # Keras has just set the metrics to zero

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.pending.number and self.state.step < self.steps:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._save()

    def _save(self) -> None:
        self.checkpoint.save(self.state)
        self.pending.check()


def _histories(epochs: list[dict[str, list]]) -> list[pd.DataFrame]:
    """One for each model that trained."""
    count = len(epochs[0]["loss"])
    rows = [{name: np.broadcast_to(value, count) for name, value in epoch.items()} for epoch in epochs]
    return [pd.DataFrame([{name: value[i] for name, value in row.items()} for row in rows]) for i in range(count)]


def _finite(history: list[dict[str, list]]) -> bool:
    """Whether there is a model whose loss is still a number."""
    return not history or bool(np.isfinite(history[-1]["loss"]).any())


def _range(values: list[float]) -> str:
    return f"{values[0]:.4f}" if len(values) == 1 else f"{min(values):.4f} to {max(values):.4f}"


def diverged(history: pd.DataFrame) -> bool:
    """Whether the loss is infinite or NaN in the last epoch."""
    return not np.isfinite(history["loss"].iloc[-1])
