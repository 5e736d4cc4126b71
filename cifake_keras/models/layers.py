"""The layers of the paper's networks. Weights and biases start as PyTorch's do: uniform within 1 / sqrt(fan_in)."""

import functools
import math
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers, ops

from cifake_keras.protocol import IMAGE_SIZE

IMAGE_SHAPE = (IMAGE_SIZE, IMAGE_SIZE, 3)


def layer_seeds(seed: int) -> Iterator[int]:
    """A seed for each layer of a network, which follow from the network's own, and are those of no other."""
    return iter(range(1000 * seed, 1000 * (seed + 1)))


def resized(images: KerasTensor, side: int) -> KerasTensor:
    """Square images by antialiased bilinear interpolation, as a product of matrices: LiteRT has no such operation."""
    if images.shape[1] == side:
        return images
    weights = resizing(images.shape[1], side)
    return ops.einsum("yi,bijc,xj->byxc", weights, images, weights)


@functools.cache
def resizing(old: int, new: int, kernel: str = "bilinear", antialias: bool = True) -> np.ndarray:
    """float32 [new, old]: the matrix that resizes one side, by one of TensorFlow's kernels."""
    with tf.init_scope():
        each_pixel = np.eye(old, dtype=np.float32)[..., None]
        return tf.image.resize(each_pixel, (new, old), kernel, antialias=antialias)[..., 0].numpy()


class Layers:
    """Makes layers of one precision, each with its own seed, so that a model's seed decides all its weights.

    precision: "float32" or "mixed_bfloat16" (weights float32 in both). The last layer of a network computes in float32:
    a logit or a pixel wants the digits.
    """

    def __init__(self, seed: int, precision: str):
        self._seeds = layer_seeds(seed)
        self._precision = precision

    def _options(self, fan_in: int, activation: str | None, last: bool = False) -> dict:
        bound = 1 / math.sqrt(fan_in)
        return {
            "kernel_initializer": keras.initializers.RandomUniform(-bound, bound, seed=next(self._seeds)),
            "bias_initializer": keras.initializers.RandomUniform(-bound, bound, seed=next(self._seeds)),
            "activation": activation,
            "dtype": "float32" if last else self._precision,
        }

    def conv(self, inputs: int, filters: int, padding: str = "same", strides: int = 1) -> layers.Layer:
        return layers.Conv2D(filters, 3, strides, padding, **self._options(9 * inputs, "relu"))

    def transposed(self, filters: int, activation: str, last: bool = False) -> layers.Layer:
        # PyTorch counts the outputs of a transposed convolution as its fan-in.
        return layers.Conv2DTranspose(filters, 3, padding="same", **self._options(9 * filters, activation, last))

    def dense(self, inputs: int, units: int, activation: str | None = "relu", last: bool = False) -> layers.Layer:
        return layers.Dense(units, **self._options(inputs, activation, last))
