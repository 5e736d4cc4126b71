"""The dense layers of the paper's classifier (section 4.3) on features, in place of its convolutions."""

import keras
from keras import layers

from cifake_keras.models.layers import Layers
from cifake_keras.protocol import Head


def build(settings: Head, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`."""
    make = Layers(seed, precision)
    return keras.Sequential(
        [
            layers.Input((settings.features,), name="features"),
            make.dense(settings.features, 64),
            make.dense(64, 64),
            make.dense(64, 1, activation=None, last=True),
        ]
    )
