"""Fit one model."""

import time
from pathlib import Path as FilePath

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.progress import Progress

from cifake_keras import models, pipeline, progress
from cifake_keras.conditions import Path, Reconstruction
from cifake_keras.errors import UserError
from cifake_keras.protocol import Condition, Hyperparameters
from cifake_keras.splits import ImageSet


class CoupledAdam(keras.optimizers.Adam):
    """Adam as torch.optim.Adam with weight_decay: `l2` times the weight is added to each gradient.

    What differs: Keras adds epsilon before the bias correction of the second moment, PyTorch after it, so that in the
    first hundreds of steps weights with gradients below about 1e-6 move less here.
    """

    def __init__(self, learning_rate: float, l2: float):
        super().__init__(learning_rate, epsilon=1e-8)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient + self.l2 * variable, variable, learning_rate)


class Diverged(UserError):
    """The loss is no longer a number."""


def resolve_precision(precision: str) -> str:
    """ "auto" becomes bfloat16 where the processor or GPU computes in it, else float32."""
    if precision != "auto":
        return precision
    return "bfloat16" if _computes_bfloat16() else "float32"


def _computes_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)
    cpuinfo = FilePath("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def policy(precision: str) -> str:
    """Keras's name of a precision: weights and loss are float32 in both."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]


def accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Per image, at the threshold 0.5 of the probability."""
    return tf.cast(tf.equal(logits >= 0, labels > 0.5), tf.float32)


def train_classifier(
    train: ImageSet,
    validation: ImageSet,
    condition: Condition,
    classifier: str,
    autoencoder: keras.Model | None,
    hyperparameters: Hyperparameters,
    seed: int,
    precision: str,
    title: str,
) -> tuple[keras.Sequential, pd.DataFrame]:
    """The classifier (float32) after its last epoch, and its history: a row an epoch, columns as Keras names them.

    Raises Diverged where the loss becomes infinite or NaN.
    """
    network = models.CLASSIFIERS[classifier](seed, policy(precision))
    encoder = models.with_precision(autoencoder, policy(precision)) if condition.autoencoded else None
    model = Path(condition, network, encoder)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    history = _fit(model, train, validation, hyperparameters, seed, title, loss=loss, metrics=[accuracy])
    return models.with_precision(network, "float32"), history


def train_autoencoder(
    train: ImageSet, validation: ImageSet, hyperparameters: Hyperparameters, seed: int, precision: str, title: str
) -> tuple[keras.Sequential, pd.DataFrame]:
    """The autoencoder fitted on perturbed images of both classes, and its history (loss: MSE in [-1, 1])."""
    network = models.autoencoder(seed, policy(precision))
    history = _fit(Reconstruction(network), train, validation, hyperparameters, seed, title)
    return models.with_precision(network, "float32"), history


def _fit(model, train, validation, hyperparameters, seed, title, **compile_options) -> pd.DataFrame:
    optimizer = CoupledAdam(hyperparameters.learning_rate, hyperparameters.l2)
    # XLA is two to four times slower than oneDNN on a processor.
    model.compile(optimizer, jit_compile=False, **compile_options)
    steps = pipeline.steps(train, hyperparameters.batch_size)
    with progress.bar() as bar:
        reporter = _Reporter(title, steps, bar)
        model.fit(
            pipeline.training_batches(train, hyperparameters.batch_size, seed, hyperparameters.epochs),
            steps_per_epoch=steps,
            epochs=hyperparameters.epochs,
            validation_data=pipeline.evaluation_batches(validation),
            callbacks=[reporter],
            shuffle=False,
            verbose=0,
        )
    return pd.DataFrame(reporter.rows)


class _Reporter(keras.callbacks.Callback):
    """Shows progress, keeps the history and stops a run that diverges."""

    def __init__(self, title: str, steps: int, bar: Progress):
        super().__init__()
        self.title, self.steps, self.bar = title, steps, bar
        self.rows: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        self.task = self.bar.add_task(self.title, total=self.steps * self.params["epochs"])

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.task, completed=self.steps * len(self.rows) + batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.monotonic() - self.started
        self.rows.append({"epoch": epoch + 1, **logs, "seconds": round(seconds, 1)})
        values = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        progress.say(f"{self.title}: epoch {epoch + 1} of {self.params['epochs']}, {values} ({seconds:.0f} s)")
        if not np.isfinite(logs["loss"]):
            raise Diverged(f"{self.title}: the loss is {logs['loss']} in epoch {epoch + 1}")
