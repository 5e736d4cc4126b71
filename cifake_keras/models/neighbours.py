"""Nearest neighbours by cosine: Ojha et al., Towards Universal Fake Image Detectors (CVPR 2023, arXiv 2302.10174).

An image is FAKE where the most similar training image is. Its logit is 100 times how much more similar the most similar
fake is than the most similar photograph: cosines lie so close together that all probabilities would be near 1/2.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from cifake_keras.protocol import FAKE, REAL, Head, Hyperparameters

IMAGES = 10_000  # of each class that are kept, the first of the training images, which are ordered by a hash
_SCALE = 100.0


def build(settings: Head, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`; all weights are zero until `fit` sets them."""
    return keras.Sequential([layers.Input((settings.features,), name="features"), _Bank(dtype="float32")])


def fit(network: keras.Sequential, features: np.ndarray, labels: np.ndarray, hyperparameters: Hyperparameters) -> None:
    """As `models.fit`; there is nothing to choose."""
    unit = ops.normalize(features, axis=-1).numpy()
    kept = (unit[labels == label][:IMAGES] for label in (REAL, FAKE))
    # Fewer are repeated, which changes no maximum: so all cells have weights of one shape.
    network.set_weights([np.resize(of_class, (IMAGES, features.shape[1])) for of_class in kept])


class _Bank(layers.Layer):
    """Features [batch, n] to logits [batch, 1], by those of training images, float16 [images, n] of each class."""

    def build(self, shape: tuple[int | None, int]) -> None:
        self.real, self.fake = (
            self.add_weight((IMAGES, shape[1]), "zeros", "float16", trainable=False, name=name)
            for name in ("real", "fake")
        )

    def call(self, features: tf.Tensor) -> tf.Tensor:
        unit = ops.normalize(features, axis=-1)
        return _SCALE * (_most_similar(unit, self.fake) - _most_similar(unit, self.real))


def _most_similar(unit: tf.Tensor, images: keras.Variable) -> tf.Tensor:
    """float32 [batch, 1]: the cosine to the nearest of the images."""
    return ops.max(ops.matmul(unit, ops.transpose(ops.cast(images, "float32"))), axis=1, keepdims=True)
