"""Factor 3: the classifiers, a file each, all `keras.Sequential`. A name in the protocol is the name of a file.

A file has `build(settings, seed, precision)`, which returns a network that takes images [batch, 32, 32, 3] and gives
logits, float32 [batch, 1]; positive means FAKE. settings: those of the classifier in the protocol.
"""

import importlib

import keras

from cifake_keras.protocol import CLASSIFIERS


def build(name: str, seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """The classifier of that name in the protocol, with fresh weights that follow from `seed`.

    precision: "float32" or "mixed_bfloat16" (weights float32 in both).
    """
    classifier = CLASSIFIERS[name]
    module = importlib.import_module(f"{__name__}.{classifier.network or name}")
    network = module.build(classifier.settings, seed, precision)
    network.name = name
    return network


def with_weights(network: keras.Model, source: keras.Model) -> keras.Model:
    """`network` with the weights of `source`, which has the same layers, in whatever precision."""
    network.set_weights(source.get_weights())
    return network
