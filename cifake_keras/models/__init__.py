"""The networks of section 2.3 of the protocol: two classifiers and the autoencoder, all `keras.Sequential`.

Weights and biases start as PyTorch's do: uniform within 1 / sqrt(fan_in).
"""

import math
from collections.abc import Callable, Iterator

import keras
from keras import layers

from cifake_keras.protocol import IMAGE_SIZE

IMAGE_SHAPE = (IMAGE_SIZE, IMAGE_SIZE, 3)


class _Layers:
    """Makes layers of one precision, each with its own seed, so that a model's seed decides all its weights.

    The last layer of a network computes in float32: a logit or a pixel wants the digits.
    """

    def __init__(self, seed: int, precision: str):
        self._seeds: Iterator[int] = iter(range(1000 * seed, 1000 * (seed + 1)))
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


def paper(seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """The classifier of the paper: 2,111,585 parameters.

    Takes [batch, 32, 32, 3], returns logits float32 [batch, 1]; positive means FAKE.
    precision: "float32" or "mixed_bfloat16" (weights float32 in both).
    """
    make = _Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            make.conv(3, 32),
            layers.MaxPooling2D(3, 1, "same", dtype=precision),
            make.conv(32, 32),
            layers.MaxPooling2D(3, 1, "same", dtype=precision),
            layers.Flatten(dtype=precision),
            make.dense(IMAGE_SIZE**2 * 32, 64),
            make.dense(64, 64),
            make.dense(64, 1, activation=None, last=True),
        ],
        name="paper",
    )


def bird_lotfi(seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """Bird & Lotfi's classifier (CIFAKE, section IV), with Keras's default padding.

    Shapes and arguments as in `paper`.
    """
    make = _Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            make.conv(3, 32, "valid"),
            layers.MaxPooling2D(dtype=precision),
            make.conv(32, 32, "valid"),
            layers.MaxPooling2D(dtype=precision),
            layers.Flatten(dtype=precision),
            make.dense(6 * 6 * 32, 64),
            make.dense(64, 1, activation=None, last=True),
        ],
        name="bird_lotfi",
    )


CLASSIFIERS: dict[str, Callable[..., keras.Sequential]] = {"paper": paper, "bird_lotfi": bird_lotfi}


def autoencoder(seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """The convolutional autoencoder: image and reconstruction are [batch, 32, 32, 3] in [-1, 1]."""
    make = _Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            # PyTorch's padding of 1; TensorFlow's "same" pads a strided convolution on one side only.
            layers.ZeroPadding2D(1, dtype=precision),
            make.conv(3, 32, "valid", strides=2),
            layers.ZeroPadding2D(1, dtype=precision),
            make.conv(32, 64, "valid", strides=2),
            layers.Flatten(dtype=precision),
            make.dense(4096, 2048),
            # The text leaves the decoder's first layer open: no activation.
            make.dense(2048, 4096, activation=None),
            layers.Reshape((8, 8, 64), dtype=precision),
            layers.UpSampling2D(2, interpolation="bilinear", dtype=precision),
            make.transposed(32, "relu"),
            layers.UpSampling2D(2, interpolation="bilinear", dtype=precision),
            make.transposed(3, "tanh", last=True),
        ],
        name="autoencoder",
    )


_BUILDERS = {**CLASSIFIERS, "autoencoder": autoencoder}


def with_precision(network: keras.Sequential, precision: str) -> keras.Sequential:
    """A copy of one of this module's networks that computes in another precision; its weights stay float32."""
    copy = _BUILDERS[network.name](precision=precision)
    copy.set_weights(network.get_weights())
    return copy
