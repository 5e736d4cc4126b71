"""The classifier of the paper (section 4.3): 2,111,585 parameters."""

import keras
from keras import layers

from cifake_keras.models.layers import IMAGE_SHAPE, Layers
from cifake_keras.protocol import IMAGE_SIZE


def build(settings: None, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`."""
    make = Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            make.conv(3, 32),
            layers.MaxPooling2D(3, 1, "same", dtype=precision),
            make.conv(32, 32),
            layers.MaxPooling2D(3, 1, "same", dtype=precision),
            layers.Flatten(dtype=precision),
            make.dense(IMAGE_SIZE**2 * 32, 64),
            make.dense(64, 64),
            make.dense(64, 1, activation=None, last=True),
        ]
    )
