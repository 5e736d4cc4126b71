"""Adam as PyTorch computes it."""

import keras
import tensorflow as tf

from cifake_keras.protocol import Hyperparameters
from cifake_keras.training import replicas

# Of a cosine schedule's steps: the share in which the learning rate rises.
_RISING = 0.15


def build_optimizer(hyperparameters: Hyperparameters, steps: int) -> "CoupledAdam":
    """Adam with the L2 and the schedule of `hyperparameters`. steps: of an epoch."""
    rate, total = hyperparameters.learning_rate, steps * hyperparameters.epochs
    if hyperparameters.schedule == "cosine":
        rising = int(_RISING * total)
        rate = keras.optimizers.schedules.CosineDecay(0.0, total - rising, warmup_target=rate, warmup_steps=rising)
    return CoupledAdam(rate, hyperparameters.l2)


class CoupledAdam(keras.optimizers.Adam):
    """torch.optim.Adam with weight_decay: `l2` times the weight is added to each gradient, biases included.

    One fused operation a variable: Keras's own Adam passes over the moments several times, which is a sixth of a
    training step of the autoencoder.
    """

    def __init__(self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule, l2: float):
        super().__init__(learning_rate, epsilon=1e-8)
        self.l2 = l2

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        corrections = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=corrections[0],
            beta2_power=corrections[1],
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            # TensorFlow adds epsilon before the bias correction of the second moment, PyTorch after it.
            epsilon=self.epsilon * tf.sqrt(1 - corrections[1]),
            grad=gradient + self.l2 * variable,
        )

    def _all_reduce_sum_gradients(self, grads_and_vars: list[tuple]) -> list[tuple]:
        gradients, variables = zip(*grads_and_vars, strict=True)
        return list(zip(replicas.total(list(gradients)), variables, strict=True))
