"""Bird & Lotfi's classifiers (CIFAKE, sections IV and V), with Keras's default padding.

Each convolution is followed by a pool of 2x2; without dense layers the logit comes straight from what these give.
"""

import keras
from keras import layers

from cifake_keras.models.layers import IMAGE_SHAPE, Layers
from cifake_keras.protocol import IMAGE_SIZE, Topology


def build(settings: Topology, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`."""
    make = Layers(seed, precision)
    stack = [layers.Input(IMAGE_SHAPE, name="image")]
    side, channels = IMAGE_SIZE, IMAGE_SHAPE[-1]
    for _ in range(settings.convolutions):
        stack += [make.conv(channels, settings.filters, "valid"), layers.MaxPooling2D(dtype=precision)]
        side, channels = (side - 2) // 2, settings.filters
    stack.append(layers.Flatten(dtype=precision))
    inputs = side**2 * channels
    for _ in range(settings.dense):
        stack.append(make.dense(inputs, settings.units))
        inputs = settings.units
    return keras.Sequential([*stack, make.dense(inputs, 1, activation=None, last=True)])
