"""The forward pass in training: the functions and gradients of the layers that it takes the place of."""

import keras
import numpy as np
import parity
import pytest
import tensorflow as tf
from keras import layers

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.protocol import AUTOENCODER
from cifake_keras.training.forward import forward, relu_pool


def differentiated(apply, network: keras.Sequential, images: np.ndarray) -> list[np.ndarray]:
    """The outputs, and the gradients of the sum of their squares."""
    with tf.GradientTape() as tape:
        outputs = apply(network, images)
        loss = tf.reduce_sum(tf.square(outputs))
    return [outputs.numpy(), *(each.numpy() for each in tape.gradient(loss, network.trainable_variables))]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["paper", "bird_lotfi", "autoencoder"])
def test_outputs_and_gradients_are_the_networks_own(name, precision):
    network = path.build(AUTOENCODER, precision) if name == "autoencoder" else models.build(name, 1, precision)
    images = parity.images()
    expected = differentiated(lambda network, images: network(images, training=True), network, images)
    for computed, own in zip(differentiated(forward, network, images), expected, strict=True):
        assert np.abs(computed - own).max() <= 1e-5 * max(1, np.abs(own).max())


@pytest.mark.parametrize("precision, error", [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_normalisations_are_kerass_own(precision, error):
    """Of a batch, and the moments that stay of it."""
    networks = normalising(precision), normalising(precision)
    networks[1].set_weights(networks[0].get_weights())
    calls = (lambda network, images: network(images, training=True)), forward
    images = parity.images()
    own, computed = (differentiated(call, of, images) for call, of in zip(calls, networks, strict=True))
    pairs = zip(computed + networks[1].get_weights(), own + networks[0].get_weights(), strict=True)
    for mine, expected in [*pairs, [network(images).numpy() for network in networks]]:
        assert np.linalg.norm(mine - expected) <= error * max(1e-3, np.linalg.norm(expected))


def normalising(precision: str) -> keras.Model:
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, use_bias=False, dtype=precision)(image)
    x = layers.Flatten()(layers.BatchNormalization(momentum=0.8, epsilon=1e-2, dtype=precision)(x))
    return keras.Model(image, layers.Dense(1, "tanh")(x))


def test_of_equal_values_the_first_takes_the_gradient():
    """As in PyTorch; values are few, so that most windows have ties, and some have nothing positive."""
    rng = np.random.default_rng(0)
    images, gradients = (rng.integers(-2, 3, (2, 6, 7, 3)).astype(np.float32) for _ in range(2))
    bias = np.array([1, -2, 3], np.float32)
    with tf.GradientTape() as tape:
        tensor = tf.constant(images)
        tape.watch(tensor)
        pooled = relu_pool(tensor - bias, tf.constant(bias))
    spread = tape.gradient(pooled, tensor, gradients).numpy()
    expected_pooled, expected = pooled_by_loops(images, gradients)
    assert np.array_equal(pooled.numpy(), expected_pooled) and np.array_equal(spread, expected)


def pooled_by_loops(images: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pooled, spread = np.zeros_like(images), np.zeros_like(images)
    for image, row, column, channel in np.ndindex(images.shape):
        top, left = max(row - 1, 0), max(column - 1, 0)
        window = images[image, top : row + 2, left : column + 2, channel]
        if window.max() > 0:
            down, right = np.unravel_index(window.argmax(), window.shape)  # the first, row by row
            pooled[image, row, column, channel] = window.max()
            spread[image, top + down, left + right, channel] += gradients[image, row, column, channel]
    return pooled, spread
