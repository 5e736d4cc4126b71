"""Fit one model."""

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cifake_keras import models, pipeline, progress
from cifake_keras.conditions import Reconstruction, classifier_inputs
from cifake_keras.optimizer import CoupledAdam
from cifake_keras.protocol import Condition, Hyperparameters
from cifake_keras.splits import ImageSet

# Of a cosine schedule's steps: the share in which the learning rate rises.
_RISING = 0.15


def resolve_precision(precision: str) -> str:
    """ "auto" becomes bfloat16 where the processor or GPU computes in it, else float32."""
    if precision != "auto":
        return precision
    return "bfloat16" if _computes_bfloat16() else "float32"


def _computes_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def policy(precision: str) -> str:
    """Keras's name of a precision: weights and loss are float32 in both."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]


class SideBySide(keras.Model):
    """Classifiers that learn from the same batches, each with its own optimiser, as if each were alone.

    What their inputs have in common (reading, perturbing, reconstructing) is done once a batch. Losses and accuracies
    are vectors, an element a classifier.
    """

    def __init__(
        self,
        condition: Condition,
        autoencoder: keras.Model | None,
        classifiers: list[keras.Model],
        optimizers: list[keras.optimizers.Optimizer],
    ):
        super().__init__()
        self.condition, self.autoencoder = condition, autoencoder
        self.classifiers, self.optimizers = classifiers, optimizers
        for classifier, optimizer in zip(classifiers, optimizers, strict=True):
            optimizer.build(classifier.trainable_variables)
        self.means = [_Mean(len(classifiers), "loss"), _Mean(len(classifiers), "accuracy")]

    @property
    def metrics(self) -> list[keras.Metric]:
        return self.means

    def train_step(self, data):
        return self._step(data, self._learn)

    def test_step(self, data):
        return self._step(data, lambda classifier, _, images, labels: _score(classifier(images), labels))

    def _step(self, data, of_one) -> dict[str, tf.Tensor]:
        batch, labels = data
        images = classifier_inputs(batch, self.condition, self.autoencoder)
        pairs = zip(self.classifiers, self.optimizers, strict=True)
        scores = [of_one(classifier, optimizer, images, labels) for classifier, optimizer in pairs]
        for mean, values in zip(self.means, zip(*scores, strict=True), strict=True):
            mean.update_state(tf.concat(values, axis=1))
        return {mean.name: mean.result() for mean in self.means}

    @staticmethod
    def _learn(classifier, optimizer, images, labels):
        with tf.GradientTape() as tape:
            losses, right = _score(classifier(images, training=True), labels)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, classifier.trainable_variables), classifier.trainable_variables)
        return losses, right


def _score(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy, and whether the decision at probability 0.5 is right: float32 [batch, 1] each."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return losses, tf.cast(tf.equal(logits >= 0, labels > 0.5), tf.float32)


class _Mean(keras.metrics.Metric):
    """The mean of each column over all images of an epoch."""

    def __init__(self, columns: int, name: str):
        super().__init__(name=name)
        self.total = self.add_variable((columns,), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(self, values: tf.Tensor) -> None:
        self.total.assign_add(tf.reduce_sum(values, axis=0))
        self.count.assign_add(tf.cast(tf.shape(values)[0], tf.float32))

    def result(self) -> tf.Tensor:
        return self.total / self.count


def train_classifiers(
    train: ImageSet,
    validation: ImageSet,
    condition: Condition,
    classifier: str,
    autoencoder: keras.Model | None,
    candidates: Sequence[Hyperparameters],
    seed: int,
    precision: str,
    title: str,
) -> list[tuple[keras.Sequential, pd.DataFrame]]:
    """Trains a classifier for each candidate, side by side, all from the same weights and on the same batches.

    Candidates have epochs and batch size in common. Returns of each the classifier (float32) after its last epoch and
    its history: a row an epoch with epoch, loss, accuracy, val_loss, val_accuracy and the seconds that all of them
    trained together, validation left out.
    """
    networks = [models.CLASSIFIERS[classifier](seed, policy(precision)) for _ in candidates]
    optimizers = [_optimizer(candidate, pipeline.steps(train, candidate.batch_size)) for candidate in candidates]
    encoder = models.with_precision(autoencoder, policy(precision)) if condition.autoencoded else None
    model = SideBySide(condition, encoder, networks, optimizers)
    # XLA is two to four times slower than oneDNN on a processor.
    model.compile(jit_compile=False)
    histories = _fit(model, train, validation, candidates[0], seed, title)
    networks = [models.with_precision(network, "float32") for network in networks]
    return list(zip(networks, histories, strict=True))


def _optimizer(hyperparameters: Hyperparameters, steps: int) -> CoupledAdam:
    """steps: of an epoch."""
    rate, total = hyperparameters.learning_rate, steps * hyperparameters.epochs
    if hyperparameters.schedule == "cosine":
        rising = int(_RISING * total)
        rate = keras.optimizers.schedules.CosineDecay(0.0, total - rising, warmup_target=rate, warmup_steps=rising)
    return CoupledAdam(rate, hyperparameters.l2)


def train_autoencoder(
    train: ImageSet, validation: ImageSet, hyperparameters: Hyperparameters, seed: int, precision: str, title: str
) -> tuple[keras.Sequential, pd.DataFrame]:
    """The autoencoder fitted on perturbed images of both classes, and its history (loss: MSE in [-1, 1])."""
    network = models.autoencoder(seed, policy(precision))
    model = Reconstruction(network)
    steps = pipeline.steps(train, hyperparameters.batch_size)
    model.compile(_optimizer(hyperparameters, steps), jit_compile=False)
    (history,) = _fit(model, train, validation, hyperparameters, seed, title)
    return models.with_precision(network, "float32"), history


def _fit(model, train, validation, hyperparameters, seed, title) -> list[pd.DataFrame]:
    gc.collect()  # models of earlier trainings are cycles, and Python does not know what they weigh
    steps = pipeline.steps(train, hyperparameters.batch_size)
    with progress.task(title, steps * hyperparameters.epochs) as tell:
        reporter = _Reporter(title, steps, tell)
        model.fit(
            pipeline.training_batches(train, hyperparameters.batch_size, seed, hyperparameters.epochs),
            steps_per_epoch=steps,
            epochs=hyperparameters.epochs,
            validation_data=pipeline.evaluation_batches(validation),
            callbacks=[reporter],
            shuffle=False,
            verbose=0,
        )
    return reporter.histories()


class _Reporter(keras.callbacks.Callback):
    """Shows progress, keeps the histories, and stops when no loss is a number any more."""

    def __init__(self, title: str, steps: int, tell: Callable[[int], None]):
        super().__init__()
        self.title, self.steps, self.tell = title, steps, tell
        self.epochs: list[dict[str, np.ndarray]] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.tell(self.steps * len(self.epochs) + batch + 1)

    def on_test_begin(self, logs=None):
        self.seconds = round(time.monotonic() - self.started, 2)

    def on_epoch_end(self, epoch, logs=None):
        values = {name: np.atleast_1d(value) for name, value in logs.items()}
        self.epochs.append({"epoch": np.array([epoch + 1]), **values, "seconds": np.array([self.seconds])})
        told = ", ".join(f"{name} {_range(value)}" for name, value in values.items())
        progress.say(f"{self.title}: epoch {epoch + 1} of {self.params['epochs']}, {told} ({self.seconds:.0f} s)")
        self.model.stop_training = not np.isfinite(values["loss"]).any()

    def histories(self) -> list[pd.DataFrame]:
        count = len(self.epochs[0]["loss"])
        rows = [{name: np.broadcast_to(value, count) for name, value in epoch.items()} for epoch in self.epochs]
        return [pd.DataFrame([{name: value[i] for name, value in row.items()} for row in rows]) for i in range(count)]


def _range(values: np.ndarray) -> str:
    return f"{values[0]:.4f}" if len(values) == 1 else f"{values.min():.4f} to {values.max():.4f}"


def diverged(history: pd.DataFrame) -> bool:
    """Whether the loss is infinite or NaN in the last epoch."""
    return not np.isfinite(history["loss"].iloc[-1])
