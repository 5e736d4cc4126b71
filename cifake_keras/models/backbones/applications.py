"""Convolutional networks of keras.applications, trained on ImageNet's classes, without their last layer.

VGG16: Simonyan and Zisserman, ICLR 2015 (arXiv 1409.1556). ResNet50: He et al., CVPR 2016 (arXiv 1512.03385).
MobileNet: Howard et al., 2017 (arXiv 1704.04861). EfficientNet: Tan and Le, ICML 2019 (arXiv 1905.11946).
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import keras
import tensorflow as tf

from cifake_keras.models.backbones import untrained
from cifake_keras.models.backbones.pixels import enlarged
from cifake_keras.protocol import Application
from cifake_keras.runtime.errors import UserError


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
    untrained.start(network, seed, _preprocessed(untrained.noise(seed), settings))
    return network


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of Keras's file. Raises UserError where it is that of another network."""
    (original,) = originals
    try:
        network.load_weights(original)
    except (OSError, ValueError) as error:
        raise UserError(f"{original} does not hold the weights of this network: {error}") from error
