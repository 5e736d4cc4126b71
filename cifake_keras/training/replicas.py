"""One model on several devices (tf.distribute): each replica takes its part of a batch, and all of them one step.

The last batch of an epoch may be smaller, so parts may be unequal, and some empty. Hence sums, not means of means.
"""

import functools
from typing import Any

import tensorflow as tf

from cifake_keras.runtime.errors import UserError


@functools.cache  # a process's strategies would use each other's channels
def strategy(name: str) -> tf.distribute.Strategy:
    """Raises UserError where there is one device alone to mirror a model on."""
    if name == "none":
        return tf.distribute.get_strategy()
    mirrored = tf.distribute.MirroredStrategy()
    if mirrored.num_replicas_in_sync == 1:
        raise UserError("--strategy mirrored spreads a model over two GPUs or more, which are not here; leave it out.")
    return mirrored


def _alone() -> bool:
    return tf.distribute.get_strategy().num_replicas_in_sync == 1


def total(values: Any) -> Any:
    """The sum over replicas, of a tensor or of each of a list."""
    if _alone():  # TensorFlow would keep the graph of the sum, and its weights, for good
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def part_of_mean(values: tf.Tensor) -> tf.Tensor:
    """What this replica's values contribute to the mean over all replicas' values: the parts sum up to it."""
    return tf.reduce_sum(values) / total(tf.cast(tf.size(values), tf.float32))


def occupied(batch: dict) -> dict:
    """The same tensors, or zeros for one image where there is none: convolutions fail on an empty batch."""
    return batch if _alone() else tf.nest.map_structure(_one_at_least, batch)


def _one_at_least(values: tf.Tensor) -> tf.Tensor:
    missing = tf.cast(tf.equal(tf.shape(values)[0], 0), tf.int32)
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))
