"""The convolutional autoencoder of the paper (section 4.4), fitted by the study on perturbed images of both classes."""

import keras
import tensorflow as tf
from keras import layers

from cifake_keras.models.layers import IMAGE_SHAPE, Layers
from cifake_keras.protocol import Autoencoder


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: Autoencoder) -> tf.Tensor:
    """The reconstructions."""
    return network(images)


def network(settings: Autoencoder, seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """Image and reconstruction are [batch, 32, 32, 3] in [-1, 1]. precision: as `models.build` takes it."""
    make = Layers(seed, precision)
    first, second, latent = (round(settings.width * of) for of in (32, 64, 2048))
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            # PyTorch's padding of 1; TensorFlow's "same" pads a strided convolution on one side only.
            layers.ZeroPadding2D(1, dtype=precision),
            make.conv(3, first, "valid", strides=2),
            layers.ZeroPadding2D(1, dtype=precision),
            make.conv(first, second, "valid", strides=2),
            layers.Flatten(dtype=precision),
            make.dense(64 * second, latent, activation=settings.latent),
            # The text leaves the decoder's first layer open: no activation.
            make.dense(latent, 64 * second, activation=None),
            layers.Reshape((8, 8, second), dtype=precision),
            layers.UpSampling2D(2, interpolation="bilinear", dtype=precision),
            make.transposed(first, "relu"),
            layers.UpSampling2D(2, interpolation="bilinear", dtype=precision),
            make.transposed(3, "tanh", last=True),
        ],
        name="autoencoder",
    )
