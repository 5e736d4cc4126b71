"""Convolutional networks of keras.applications, trained on ImageNet's classes, without their last layer.

VGG16: Simonyan and Zisserman, ICLR 2015 (arXiv 1409.1556). ResNet50: He et al., CVPR 2016 (arXiv 1512.03385).
MobileNet: Howard et al., 2017 (arXiv 1704.04861). EfficientNet: Tan and Le, ICML 2019 (arXiv 1905.11946).
"""

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import keras
import tensorflow as tf

from cifake_keras.models.backbones.pixels import enlarged
from cifake_keras.models.layers import IMAGE_SHAPE, layer_seeds
from cifake_keras.protocol import Application
from cifake_keras.runtime.errors import UserError

_NOISE = 8  # images, by which random weights are normalised


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: Application) -> tf.Tensor:
    """The last feature maps, each averaged over the image: [batch, channels]."""
    return network(_preprocessed(images, settings), training=False)


def _preprocessed(images: tf.Tensor, settings: Application) -> tf.Tensor:
    preprocess = import_module(f"keras.applications.{settings.module}").preprocess_input
    return preprocess(255 * enlarged(images, settings.side))


def network(settings: Application, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Preprocessed images [batch, side, side, 3] to features."""
    build = getattr(keras.applications, settings.network)
    network = build(include_top=False, weights=None, input_shape=(settings.side, settings.side, 3), pooling="avg")
    for layer, of_layer in zip(network.layers, layer_seeds(seed), strict=False):
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            _draw(layer, of_layer)
    _normalise(network, _preprocessed(keras.random.uniform((_NOISE, *IMAGE_SHAPE), seed=seed), settings))
    return network


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


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of Keras's file. Raises UserError where it is that of another network."""
    (original,) = originals
    try:
        network.load_weights(original)
    except (OSError, ValueError) as error:
        raise UserError(f"{original} does not hold the weights of this network: {error}") from error
