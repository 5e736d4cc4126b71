"""What TensorBoard shows of trainings: values and some pictures an epoch, and the hyper-parameters beside them."""

import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cifake_keras.runtime.errors import UserError
from cifake_keras.training.checkpoints import State


def require() -> None:
    """Raises UserError where TensorBoard is missing, which TensorFlow does not bring."""
    if not find_spec("tensorboard"):
        raise UserError("--tensorboard needs the extra [tensorboard]: pip install 'cifake-keras[tensorboard]'.")


class Curves(keras.callbacks.Callback):
    """Draws a run of TensorBoard's for each model that trains.

    folder: emptied first, as `state` has the epochs that are done. hyperparameters: of each model. images: how many it
    learns from in an epoch. pictures: what is shown of images, float32 [n, height, width, 3] in [0, 1] by name, once
    for all models, which see the same. Needs the state to be up to date at the end of an epoch.
    """

    def __init__(
        self,
        folder: Path,
        hyperparameters: Sequence[dict],
        images: int,
        state: State,
        pictures: Callable[[], dict[str, tf.Tensor]],
    ):
        super().__init__()
        from tensorboard.plugins.hparams import api

        shutil.rmtree(folder, ignore_errors=True)
        count = len(hyperparameters)
        folders = [folder / f"candidate-{i}" for i in range(count)] if count > 1 else [folder]
        self.state, self._images, self._pictures = state, images, pictures
        self._writers = [tf.summary.create_file_writer(str(each)) for each in folders]
        for each, writer, values in zip(folders, self._writers, hyperparameters, strict=True):
            with writer.as_default(step=0):
                api.hparams(values, trial_id=str(each))  # else equal ones of two phases would be one trial
        for done in state.history:
            self._add(done)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        with self._writers[0].as_default(step=epoch + 1):
            for name, pictures in self._pictures().items():
                tf.summary.image(name, pictures, max_outputs=len(pictures))
        self._add(self.state.history[-1])

    def _add(self, epoch: dict[str, list]) -> None:
        values = {name: np.broadcast_to(value, len(self._writers)) for name, value in epoch.items()}
        steps, seconds = values.pop("epoch"), values.pop("seconds")
        values["images_per_second"] = self._images / np.maximum(seconds, 0.01)
        for i, writer in enumerate(self._writers):
            with writer.as_default(step=int(steps[i])):
                for name, value in values.items():
                    tf.summary.scalar(name, value[i])
            writer.flush()
