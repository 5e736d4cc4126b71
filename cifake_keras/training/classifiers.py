"""Classifiers, fitted side by side."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import keras
import pandas as pd
import tensorflow as tf

from cifake_keras import models
from cifake_keras.conditions.path import Networks, batch_walk, in_precision, to_range
from cifake_keras.protocol import MATCHED, UNIT, Condition, Hyperparameters, end_in_features
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet
from cifake_keras.training import replicas
from cifake_keras.training.fitting import Data, Learner, Session, fit
from cifake_keras.training.forward import forward
from cifake_keras.training.optimizer import CoupledAdam, build_optimizer
from cifake_keras.training.precision import policy


def train(
    images: ImageSet,
    validation: ImageSet,
    condition: Condition,
    classifier: str,
    networks: Networks,
    candidates: Sequence[Hyperparameters],
    seed: int,
    session: Session,
    start: keras.Model | None = None,
) -> list[tuple[keras.Model, pd.DataFrame]]:
    """Trains a classifier for each candidate, side by side, all from the same weights and on the same batches.

    images: they may have taken the first of the condition's steps. validation: likewise, the first of those that test
    images take. networks: those of the steps, float32. Candidates have epochs and batch size in common. start: whose
    weights they begin with, fresh ones where None. Returns of each
    the classifier (float32) after its last epoch and its history: a row an epoch with epoch, loss, accuracy, val_loss,
    val_accuracy and the seconds that all of them trained together, validation left out.
    """
    dtypes, test_steps = policy(session.precision), condition.path(MATCHED)
    strategy = replicas.strategy(session.strategy)
    with strategy.scope():
        classifiers = [_begun(models.build(classifier, seed, dtypes), start) for _ in candidates]
        optimizers = [
            build_optimizer(candidate, batches.count(images, candidate.batch_size)) for candidate in candidates
        ]
        networks = in_precision(condition.steps, networks, dtypes)
    fast = {name: partial(forward, network) for name, network in networks.items()}
    see, see_validation = (
        partial(batch_walk, steps=steps, networks=fast, end=condition.range, taken=taken)
        for steps, taken in ((condition.steps, images.steps), (test_steps, validation.steps))
    )
    # Not in the scope: of a model made there Keras averages the first batch, which fails on parts of unequal size.
    model = SideBySide(see, see_validation, classifiers, optimizers, strategy)
    # XLA is two to four times slower than oneDNN on a processor.
    model.compile(jit_compile=False)
    common = {"condition": condition.name, "classifier": classifier, "seed": seed}
    described = [{**common, **asdict(candidate)} for candidate in candidates]
    left, validation_left = condition.steps[len(images.steps) :], test_steps[len(validation.steps) :]
    pictures = partial(_pictures, see, condition)
    learner = Learner(model, [*classifiers, *optimizers], left, validation_left, described, pictures)
    with strategy.scope():
        histories = fit(learner, images, validation, candidates[0], seed, session)
    classifiers = [models.with_weights(models.build(classifier), network) for network in classifiers]
    return list(zip(classifiers, histories, strict=True))


def _begun(network: keras.Model, start: keras.Model | None) -> keras.Model:
    return models.with_weights(network, start) if start else network


def _pictures(see: Callable[[dict], tf.Tensor], condition: Condition, batch: dict) -> dict[str, tf.Tensor]:
    """What the classifiers see of a batch, in [0, 1]; none where that is features."""
    if end_in_features(condition.steps):
        return {}
    return {"images": to_range(see(batch), condition.range, UNIT)}


class SideBySide(keras.Model):
    """Classifiers that learn from the same batches, each with its own optimiser, as if each were alone.

    see, see_validation: what makes their inputs of a pipeline's batch, which is done once for all of them. Losses and
    accuracies are vectors, an element a classifier.
    """

    def __init__(
        self,
        see: Callable[[dict], tf.Tensor],
        see_validation: Callable[[dict], tf.Tensor],
        classifiers: list[keras.Model],
        optimizers: list[CoupledAdam],
        strategy: tf.distribute.Strategy,
    ):
        super().__init__()
        self.see, self.see_validation = see, see_validation
        self.classifiers, self.optimizers = classifiers, optimizers
        with strategy.scope():
            for classifier, optimizer in zip(classifiers, optimizers, strict=True):
                optimizer.build(classifier.trainable_variables)
            self.means = [_Mean(len(classifiers), "loss"), _Mean(len(classifiers), "accuracy")]

    @property
    def metrics(self) -> list[keras.Metric]:
        return self.means

    def train_step(self, data: Data) -> dict[str, tf.Tensor]:
        return self._step(data, self.see, self._learn)

    def test_step(self, data: Data) -> dict[str, tf.Tensor]:
        return self._step(
            data, self.see_validation, lambda classifier, _, images, labels: _score(classifier(images), labels)
        )

    def _step(self, data: Data, see: Callable, of_one: Callable) -> dict[str, tf.Tensor]:
        batch, labels = data
        images = see(replicas.occupied(batch))
        scores: list[tuple[tf.Tensor, tf.Tensor]] = []
        for classifier, optimizer in zip(self.classifiers, self.optimizers, strict=True):
            # One after the other, lest the activations of all be in memory together.
            with tf.control_dependencies([losses for losses, _ in scores[-1:]]):
                taken = tf.identity(images)
            scores.append(of_one(classifier, optimizer, taken, labels))
        for mean, values in zip(self.means, zip(*scores, strict=True), strict=True):
            mean.update_state(tf.concat(values, axis=1))
        return {mean.name: mean.result() for mean in self.means}

    @staticmethod
    def _learn(
        classifier: keras.Model, optimizer: CoupledAdam, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            losses, right = _score(forward(classifier, images), labels)
            loss = replicas.part_of_mean(losses)
        gradients = tape.gradient(loss, classifier.trainable_variables)
        optimizer.apply(gradients, classifier.trainable_variables)
        with tf.control_dependencies(gradients):
            return tf.identity(losses), right


def _score(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy, and whether the decision at probability 0.5 is right: float32 [batch, 1] each.

    Logits that have no label are of a part that was empty.
    """
    logits = logits[: tf.shape(labels)[0]]
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
