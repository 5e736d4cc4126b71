"""EfficientNet-Lite0's first four stages, whose first convolution leaves an image its size: 262,257 parameters.

What 32 px hold of a generator is fine: a network that halves them at once sees less of it. Weights are fresh; those of
ImageNet, which `efficientnet_lite0.take_weights` gives it, are a better start.
"""

import keras
from keras import layers

from cifake_keras.models.backbones import efficientnet_lite0, untrained
from cifake_keras.models.layers import IMAGE_SHAPE, Layers

_STAGES = 4


def build(settings: None, seed: int, precision: str) -> keras.Model:
    """As `models.build`, but that it computes in float32 in either precision."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    last = efficientnet_lite0.maps(efficientnet_lite0.scaled(image), _STAGES, stride=1)[-1]
    logit = Layers(seed, precision).dense(last.shape[-1], 1, activation=None, last=True)
    network = keras.Model(image, logit(layers.GlobalAveragePooling2D()(last)))
    untrained.draw(network, seed)
    return network
