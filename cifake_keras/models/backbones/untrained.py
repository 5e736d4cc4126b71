"""How convolutional backbones start: in training, and where random weights are the control of their authors'."""

import math

import keras
import tensorflow as tf

from cifake_keras.models.layers import IMAGE_SHAPE, layer_seeds

_IMAGES = 8  # of noise, by which random weights are normalised


def noise(seed: int) -> tf.Tensor:
    """Images [batch, 32, 32, 3] in [0, 1]."""
    return keras.random.uniform((_IMAGES, *IMAGE_SHAPE), seed=seed)


def start(network: keras.Model, seed: int, images: tf.Tensor) -> None:
    """Draws the kernels of a network anew, and normalises by images as it takes them."""
    draw(network, seed)
    _normalise(network, images)


def draw(network: keras.Model, seed: int) -> None:
    """Draws the kernels of its convolutions anew."""
    for layer, of_layer in zip(network.layers, layer_seeds(seed), strict=False):
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            _draw(layer, of_layer)


def _draw(layer: keras.layers.Layer, seed: int) -> None:
    """Draws a kernel anew, as He et al. do; Keras would take a depthwise one's channels for inputs of each output."""
    height, width, *channels = layer.kernel.shape
    inputs = height * width * (1 if isinstance(layer, keras.layers.DepthwiseConv2D) else channels[0])
    drawn = keras.initializers.HeNormal(seed)((inputs, math.prod(layer.kernel.shape) // inputs))
    layer.kernel.assign(keras.ops.reshape(drawn, layer.kernel.shape))


def _normalise(network: keras.Model, images: tf.Tensor) -> None:
    """Takes the statistics of normalisations from images: many random layers in a row vanish or explode without.

    As the network is frozen, neither momenta nor dropout have another use.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    network(images, training=True)
