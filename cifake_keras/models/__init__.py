"""Factor 3: the classifiers, a file each. A name in the protocol is the name of a file.

A file has `build(settings, seed, precision)`, which returns a network that takes images [batch, 32, 32, 3], or features
[batch, n] where the classifier has a backbone, and gives logits, float32 [batch, 1]; positive means FAKE. settings:
those of the classifier in the protocol. A head that is not trained in epochs has `fit(network, features, labels,
hyperparameters)` too: it sets the weights of a network of `build`, of float32 [images, n] and int64 [images].
"""

import importlib
from types import ModuleType

import keras
import numpy as np

from cifake_keras.protocol import CLASSIFIERS, Hyperparameters


def build(name: str, seed: int = 0, precision: str = "float32") -> keras.Model:
    """The classifier of that name in the protocol, with fresh weights that follow from `seed`.

    precision: "float32" or "mixed_bfloat16" (weights float32 in both).
    """
    network = _module(name).build(CLASSIFIERS[name].settings, seed, precision)
    network.name = name
    return network


def is_fitted_at_once(name: str) -> bool:
    """Whether the classifier is a head that `fit` fits, in place of a training in epochs."""
    return hasattr(_module(name), "fit")


def fit(network: keras.Model, features: np.ndarray, labels: np.ndarray, hyperparameters: Hyperparameters) -> None:
    """Fits a head that `is_fitted_at_once`. features: float32 [images, n]. labels: int64 [images]."""
    _module(network.name).fit(network, features, labels, hyperparameters)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{CLASSIFIERS[name].network or name}")


def with_weights(network: keras.Model, source: keras.Model) -> keras.Model:
    """`network` with the weights of `source`, which has the same layers, in whatever precision."""
    network.set_weights(source.get_weights())
    return network
