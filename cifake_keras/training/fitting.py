"""Fit one model."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from cifake_keras import models
from cifake_keras.conditions.path import classifier_inputs, to_unit
from cifake_keras.conditions.perturbation import perturb
from cifake_keras.protocol import Condition, Hyperparameters
from cifake_keras.records import cells
from cifake_keras.runtime import interruption, progress
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet
from cifake_keras.training import curves, replicas
from cifake_keras.training.checkpoints import Checkpoint, State
from cifake_keras.training.curves import Curves
from cifake_keras.training.optimizer import CoupledAdam

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
        strategy: tf.distribute.Strategy,
    ):
        super().__init__()
        self.condition, self.autoencoder = condition, autoencoder
        self.classifiers, self.optimizers = classifiers, optimizers
        with strategy.scope():
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
        images = classifier_inputs(replicas.occupied(batch), self.condition, self.autoencoder)
        pairs = zip(self.classifiers, self.optimizers, strict=True)
        scores = [of_one(classifier, optimizer, images, labels) for classifier, optimizer in pairs]
        for mean, values in zip(self.means, zip(*scores, strict=True), strict=True):
            mean.update_state(tf.concat(values, axis=1))
        return {mean.name: mean.result() for mean in self.means}

    @staticmethod
    def _learn(classifier, optimizer, images, labels):
        with tf.GradientTape() as tape:
            losses, right = _score(classifier(images, training=True), labels)
            loss = replicas.part_of_mean(losses)
        optimizer.apply(tape.gradient(loss, classifier.trainable_variables), classifier.trainable_variables)
        return losses, right


def _score(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy, and whether the decision at probability 0.5 is right: float32 [batch, 1] each.

    Logits that have no label are of a part that was empty.
    """
    logits = logits[: tf.shape(labels)[0]]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return losses, tf.cast(tf.equal(logits >= 0, labels > 0.5), tf.float32)


class Reconstruction(keras.Model):
    """Trains an autoencoder to reconstruct its own perturbed input; the loss is the mean squared error in [-1, 1]."""

    def __init__(self, autoencoder: keras.Model, optimizer: CoupledAdam, strategy: tf.distribute.Strategy):
        super().__init__()
        self.autoencoder, self.adam = autoencoder, optimizer
        with strategy.scope():
            optimizer.build(autoencoder.trainable_variables)
            self.mean = keras.metrics.Mean("loss")

    @property
    def metrics(self) -> list[keras.Metric]:
        return [self.mean]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            errors = self._errors(data)
            loss = replicas.part_of_mean(errors)
        self.adam.apply(tape.gradient(loss, self.autoencoder.trainable_variables))
        return self._updated(errors)

    def test_step(self, data):
        return self._updated(self._errors(data))

    def _errors(self, data) -> tf.Tensor:
        """Squared: float32 [batch, 32, 32, 3]."""
        batch, labels = data
        batch = replicas.occupied(batch)
        images = 2 * perturb(to_unit(batch["image"]), batch["draws"]) - 1
        return tf.square(self.autoencoder(images) - images)[: tf.shape(labels)[0]]

    def _updated(self, errors: tf.Tensor) -> dict[str, tf.Tensor]:
        mean = tf.math.divide_no_nan(tf.reduce_sum(errors), tf.cast(tf.size(errors), tf.float32))
        self.mean.update_state(mean, tf.shape(errors)[0])
        return {"loss": self.mean.result()}


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


@dataclass(frozen=True)
class Session:
    """How and where a training runs.

    title: what it is called on screen. folder: keeps the checkpoint from which it goes on when it was stopped; without,
    it starts anew. precision: "float32" or "bfloat16". strategy: see replicas. tensorboard: whether it draws
    curves in the folder.
    """

    title: str
    precision: str
    folder: Path | None = None
    strategy: str = "none"
    tensorboard: bool = False


def train_classifiers(
    train: ImageSet,
    validation: ImageSet,
    condition: Condition,
    classifier: str,
    autoencoder: keras.Model | None,
    candidates: Sequence[Hyperparameters],
    seed: int,
    session: Session,
) -> list[tuple[keras.Sequential, pd.DataFrame]]:
    """Trains a classifier for each candidate, side by side, all from the same weights and on the same batches.

    Candidates have epochs and batch size in common. Returns of each the classifier (float32) after its last epoch and
    its history: a row an epoch with epoch, loss, accuracy, val_loss, val_accuracy and the seconds that all of them
    trained together, validation left out.
    """
    dtypes = policy(session.precision)
    strategy = replicas.strategy(session.strategy)
    with strategy.scope():
        networks = [models.CLASSIFIERS[classifier](seed, dtypes) for _ in candidates]
        optimizers = [_optimizer(candidate, batches.steps(train, candidate.batch_size)) for candidate in candidates]
        encoder = models.with_precision(autoencoder, dtypes) if condition.autoencoded else None
    # Not in the scope: of a model made there Keras averages the first batch, which fails on parts of unequal size.
    model = SideBySide(condition, encoder, networks, optimizers, strategy)
    # XLA is two to four times slower than oneDNN on a processor.
    model.compile(jit_compile=False)
    common = {"condition": condition.name, "classifier": classifier, "seed": seed}
    described = [{**common, **asdict(candidate)} for candidate in candidates]
    with strategy.scope():
        histories = _fit(model, [*networks, *optimizers], train, validation, candidates[0], seed, session, described)
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
    train: ImageSet, validation: ImageSet, hyperparameters: Hyperparameters, seed: int, session: Session
) -> tuple[keras.Sequential, pd.DataFrame]:
    """The autoencoder fitted on perturbed images of both classes, and its history (loss: MSE in [-1, 1])."""
    strategy = replicas.strategy(session.strategy)
    with strategy.scope():
        network = models.autoencoder(seed, policy(session.precision))
        optimizer = _optimizer(hyperparameters, batches.steps(train, hyperparameters.batch_size))
    model = Reconstruction(network, optimizer, strategy)
    model.compile(jit_compile=False)
    described = {"classifier": "autoencoder", "seed": seed, **asdict(hyperparameters)}
    with strategy.scope():
        (history,) = _fit(model, [network, optimizer], train, validation, hyperparameters, seed, session, [described])
    return models.with_precision(network, "float32"), history


def _fit(model, learning, train, validation, hyperparameters, seed, session, described) -> list[pd.DataFrame]:
    """Calls Keras's fit for each epoch that is left.

    learning: the networks and optimisers that it changes. described: what TensorBoard is told of each network.
    """
    gc.collect()  # models of earlier trainings are cycles, and Python does not know what they weigh
    steps = batches.steps(train, hyperparameters.batch_size)
    variables = [variable for part in (*learning, *model.metrics) for variable in part.variables]
    checkpoint = Checkpoint(session.folder and session.folder / cells.CHECKPOINT, variables)
    with progress.task(session.title, steps * hyperparameters.epochs) as tell, interruption.deferred() as pending:
        state = checkpoint.restore()
        told = [_Reporter(session.title, steps, hyperparameters.epochs, state, tell)]
        if session.tensorboard:
            told.append(Curves(session.folder / curves.FOLDER, described, len(train), state))
        while state.epoch < hyperparameters.epochs and _finite(state.history):
            model.fit(
                batches.training_batches(train, hyperparameters.batch_size, seed, state.epoch, state.step),
                initial_epoch=state.epoch,
                epochs=state.epoch + 1,
                validation_data=batches.evaluation_batches(validation),
                callbacks=[*told, _Keeper(checkpoint, state, pending)],
                shuffle=False,
                verbose=0,
            )
    return _histories(state.history)


class _Reporter(keras.callbacks.Callback):
    """Shows progress, and keeps the state up to date."""

    def __init__(self, title: str, steps: int, epochs: int, state: State, tell: Callable[[int], None]):
        super().__init__()
        self.title, self.steps, self.epochs, self.state, self.tell = title, steps, epochs, state, tell

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic() - self.state.seconds

    def on_train_batch_end(self, batch, logs=None):
        self.state.step += 1
        self.state.seconds = round(time.monotonic() - self.started, 2)
        self.tell(self.steps * self.state.epoch + self.state.step)

    def on_epoch_end(self, epoch, logs=None):
        values = {name: np.atleast_1d(value).tolist() for name, value in logs.items()}
        seconds = self.state.seconds
        self.state.finish_epoch({"epoch": [epoch + 1], **values, "seconds": [seconds]})
        told = ", ".join(f"{name} {_range(value)}" for name, value in values.items())
        progress.say(f"{self.title}: epoch {epoch + 1} of {self.epochs}, {told} ({seconds:.0f} s)")


class _Keeper(keras.callbacks.Callback):
    """Saves the state after each epoch, and after the step in which a signal came."""

    def __init__(self, checkpoint: Checkpoint, state: State, pending: interruption.Pending):
        super().__init__()
        self.checkpoint, self.state, self.pending = checkpoint, state, pending

    def on_epoch_begin(self, epoch, logs=None):
        if self.state.step:
            self.checkpoint.restore()  # Keras has just set the metrics to zero

    def on_train_batch_end(self, batch, logs=None):
        if self.pending.number:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        self._save()

    def _save(self):
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
