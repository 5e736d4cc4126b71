"""The detector of pictures as they are: how strong EfficientNet-Lite0's first feature maps are, and how even.

What a generator leaves behind is fine, and the same all over a picture: the maps of the first stages find it, and means
and standard deviations over all places take a picture of any size. The weights stay those of ImageNet.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import NATIVE


def statistics(backbone: keras.Model, stages: Sequence[int]) -> keras.Model:
    """Pictures [batch, height, width, 3] in [0, 1], of 64 px or more, to features [batch, n].

    backbone: a network of `efficientnet_lite0`, whose weights it takes. stages: behind which the maps are; 0 is the
    stem. n: twice the channels of all of them.
    """
    network = _statistics(stages)
    efficientnet_lite0.take_weights(network, backbone)
    return network


def network() -> keras.Model:
    """Such pictures to logits [batch, 1]: features, a dense layer with ReLU, a logit."""
    features = _statistics(NATIVE.stages)
    hidden = layers.Dense(NATIVE.units, "relu", name="hidden")(features.output)
    return keras.Model(features.input, layers.Dense(1, name="logit")(hidden))


def _statistics(stages: Sequence[int]) -> keras.Model:
    picture = keras.Input((None, None, 3), name="image")
    maps = efficientnet_lite0.maps(efficientnet_lite0.scaled(picture), max(stages))
    found = [of(maps[stage], axis=(1, 2)) for stage in stages for of in (ops.mean, ops.std)]
    return keras.Model(picture, ops.concatenate(found, axis=1))
