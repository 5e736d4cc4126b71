"""The network of a step, fitted to reconstruct its own input."""

from dataclasses import asdict
from functools import partial

import keras
import pandas as pd
import tensorflow as tf

from cifake_keras import models
from cifake_keras.conditions.path import Networks, batch_walk, build, in_precision, to_range, walk
from cifake_keras.protocol import UNIT, Step
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet
from cifake_keras.training import replicas
from cifake_keras.training.fitting import Data, Learner, Session, fit
from cifake_keras.training.forward import forward
from cifake_keras.training.optimizer import CoupledAdam, build_optimizer
from cifake_keras.training.precision import policy


def train(
    step: Step, networks: Networks, images: ImageSet, validation: ImageSet, session: Session
) -> tuple[keras.Sequential, pd.DataFrame]:
    """The network (float32) of a step, fitted as its `training` says, and its history (loss: MSE in the step's range).

    networks: those of the steps that its training images take, float32. The history has a row an epoch with epoch,
    loss, val_loss and the seconds of training.
    """
    training, dtypes = step.fitting, policy(session.precision)
    hyperparameters = training.hyperparameters
    strategy = replicas.strategy(session.strategy)
    with strategy.scope():
        network = build(step, dtypes, step.seed)
        optimizer = build_optimizer(hyperparameters, batches.count(images, hyperparameters.batch_size))
        networks = in_precision(training.steps, networks, dtypes)
    model = Reconstruction(step, network, networks, optimizer, strategy)
    model.compile(jit_compile=False)
    described = {"classifier": step.name, "seed": step.seed, **asdict(hyperparameters)}
    learner = Learner(model, [network, optimizer], training.steps, training.steps, [described], model.pictures)
    with strategy.scope():
        (history,) = fit(learner, images, validation, hyperparameters, step.seed, session)
    return models.with_weights(build(step), network), history


class Reconstruction(keras.Model):
    """Trains the network of a step to reconstruct its own input; the loss is the mean squared error in its range."""

    def __init__(
        self,
        step: Step,
        network: keras.Model,
        networks: Networks,
        optimizer: CoupledAdam,
        strategy: tf.distribute.Strategy,
    ):
        super().__init__()
        self.step, self.network, self.networks, self.adam = step, network, networks, optimizer
        with strategy.scope():
            optimizer.build(network.trainable_variables)
            self.mean = keras.metrics.Mean("loss")

    @property
    def metrics(self) -> list[keras.Metric]:
        return [self.mean]

    def train_step(self, data: Data) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            errors = self._errors(data)
            loss = replicas.part_of_mean(errors)
        self.adam.apply(tape.gradient(loss, self.network.trainable_variables))
        return self._updated(errors)

    def test_step(self, data: Data) -> dict[str, tf.Tensor]:
        return self._updated(self._errors(data))

    def pictures(self, batch: dict) -> dict[str, tf.Tensor]:
        """What the network takes of a batch and what it makes of that, in [0, 1]."""
        images, reconstructed = (to_range(of, self.step.range, UNIT) for of in self._reconstructed(batch))
        return {"images": images, "reconstructions": reconstructed}

    def _errors(self, data: Data) -> tf.Tensor:
        """Squared: float32 [batch, 32, 32, 3]."""
        batch, labels = data
        images, reconstructed = self._reconstructed(replicas.occupied(batch))
        return tf.square(reconstructed - images)[: tf.shape(labels)[0]]

    def _reconstructed(self, batch: dict) -> tuple[tf.Tensor, tf.Tensor]:
        """The images of a batch and their reconstructions, in the step's range."""
        images = batch_walk(batch, self.step.fitting.steps, self.networks, self.step.range)
        networks = {self.step.name: partial(forward, self.network)}
        return images, walk(images, (self.step,), networks, self.step.range, self.step.range)

    def _updated(self, errors: tf.Tensor) -> dict[str, tf.Tensor]:
        mean = tf.math.divide_no_nan(tf.reduce_sum(errors), tf.cast(tf.size(errors), tf.float32))
        self.mean.update_state(mean, tf.shape(errors)[0])
        return {"loss": self.mean.result()}
