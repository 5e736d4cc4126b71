"""Resampling, as pictures meet it before a detector does: to another size by any kernel, and back to 32 px.

Both are linear and alike for rows and columns, so that each way is one matrix, of a table that is made once. Of an
image the draws are: whether at all, and which way.
"""

import functools
import itertools

import numpy as np
import tensorflow as tf

from cifake_keras.models.layers import resizing
from cifake_keras.protocol import IMAGE_SIZE, Resampling


def apply(images: tf.Tensor, draws: tf.Tensor, network: None, settings: Resampling) -> tf.Tensor:
    """Resamples, with the probability of the settings, each image on its own."""
    ways = _ways(settings)
    # The last leaves an image as it is, exactly.
    way = tf.where(draws[:, 0] < settings.probability, tf.cast(draws[:, 1] * (len(ways) - 1), tf.int32), len(ways) - 1)
    matrices = tf.gather(ways, way)
    resampled = tf.einsum("byi,bijc->byjc", matrices, images)
    return tf.clip_by_value(tf.einsum("bxj,byjc->byxc", matrices, resampled), 0.0, 1.0)


@functools.cache
def _ways(settings: Resampling) -> np.ndarray:
    """float32 [ways, out, in], the identity last."""
    sizes = range(settings.smallest, settings.largest + 1, settings.step)
    ways = [
        resizing(size, IMAGE_SIZE) @ resizing(IMAGE_SIZE, size, kernel, antialias)
        for size, kernel, antialias in itertools.product(sizes, settings.kernels, (True, False))
    ]
    return np.stack([*ways, np.eye(IMAGE_SIZE, dtype=np.float32)])
