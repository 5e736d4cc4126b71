"""Bird & Lotfi's classifier (CIFAKE, section IV), with Keras's default padding."""

import keras
from keras import layers

from cifake_keras.models.layers import IMAGE_SHAPE, Layers


def build(settings: None, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`."""
    make = Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            make.conv(3, 32, "valid"),
            layers.MaxPooling2D(dtype=precision),
            make.conv(32, 32, "valid"),
            layers.MaxPooling2D(dtype=precision),
            layers.Flatten(dtype=precision),
            make.dense(6 * 6 * 32, 64),
            make.dense(64, 1, activation=None, last=True),
        ]
    )
