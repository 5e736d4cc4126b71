"""Factor 3: the classifiers, a file each, all `keras.Sequential`. A name in the protocol is the name of a file.

A file has `build(seed, precision)`, which returns a network that takes images [batch, 32, 32, 3] and gives logits,
float32 [batch, 1]; positive means FAKE.
"""

import importlib

import keras


def build(name: str, seed: int = 0, precision: str = "float32") -> keras.Sequential:
    """The classifier of `models/<name>.py`, with fresh weights that follow from `seed`.

    precision: "float32" or "mixed_bfloat16" (weights float32 in both).
    """
    return importlib.import_module(f"{__name__}.{name}").build(seed, precision)


def with_weights(network: keras.Sequential, source: keras.Sequential) -> keras.Sequential:
    """`network` with the weights of `source`, which has the same layers, in whatever precision."""
    network.set_weights(source.get_weights())
    return network
