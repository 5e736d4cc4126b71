"""Images to batches (tf.data).

A batch is ({"image": [b, 32, 32, 3], "draws": {step: float32 [b, its draws]}}, label float32 [b, 1]); images are uint8,
or float32 where they have taken steps already, and [b, n] where the last of those gave features. The draws are all the
chance a batch needs: order and draws follow from the seed and the epoch alone, so that a run can be repeated, or taken
up at any batch, on any device.
"""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from cifake_keras.protocol import Steps, output_shape
from cifake_keras.splits.composition import ImageSet
from cifake_keras.splits.draws import draw

# The chance of validation and test images is the same in every cell, so that cells can be compared in pairs.
_EVALUATION_KEY = (2**32 - 1, 0)


def count(images: ImageSet, batch_size: int) -> int:
    """Batches in an epoch; the last one may be smaller."""
    return math.ceil(len(images) / batch_size)


def training_batches(
    images: ImageSet, steps: Steps, batch_size: int, seed: int, epoch: int, first: int = 0
) -> tf.data.Dataset:
    """The batches of an epoch, from number `first` on; each epoch has its own order and draws.

    steps: what the images are to take, for which chance is drawn.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(images))
    draws = draw(steps, len(images), seed, epoch)
    start = first * batch_size
    return _batches(images, order[start:], {name: of[start:] for name, of in draws.items()}, batch_size)


def evaluation_batches(images: ImageSet, steps: Steps = (), batch_size: int = 500, first: int = 0) -> tf.data.Dataset:
    """Every image from number `first` on once, in order. steps: as `training_batches` takes them."""
    draws = {name: of[first:] for name, of in draw(steps, len(images), *_EVALUATION_KEY).items()}
    return _batches(images, np.arange(first, len(images)), draws, batch_size)


def _batches(images: ImageSet, order: np.ndarray, draws: Mapping[str, np.ndarray], batch_size: int) -> tf.data.Dataset:
    # Reconstructions are kept in float16, for which TensorFlow has no kernels on most processors.
    dtype = np.uint8 if images.dtype == np.uint8 else np.float32

    def taken(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images.images(order).astype(dtype, copy=False), images.labels[order].astype(np.float32)[:, None]

    def filled(order: tf.Tensor, draws: dict[str, tf.Tensor]) -> tuple[dict, tf.Tensor]:
        image, label = tf.numpy_function(taken, [order], [tf.as_dtype(dtype), tf.float32], stateful=False)
        image.set_shape([None, *output_shape(images.steps)])
        label.set_shape([None, 1])
        return {"image": image, "draws": draws}, label

    # tf.data's autotuner can stall the end of every iterator for as long as its model thread sleeps.
    options = tf.data.Options()
    options.autotune.enabled = False
    planned = tf.data.Dataset.from_tensor_slices((order, draws)).batch(batch_size)
    return planned.map(filled).prefetch(4).with_options(options)
