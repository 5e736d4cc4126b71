"""A detector as a .keras file, which Keras alone loads, trains further and takes apart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cifake_keras.conditions.path import detector
from cifake_keras.detector import model_card, saved_model
from cifake_keras.runtime.errors import UserError


class ForeignLayers(UserError):
    """A network has layers that Keras does not come with, so that it could not load a file of it."""


def write(model: Path, path: Path) -> None:
    """Writes the network of a SavedModel: images, float32 [batch, 32, 32, 3] in [0, 1], to logits [batch, 1].

    Raises ForeignLayers as `save`, and UserError where `model` lacks the model card of this package.
    """
    card = model_card.read(model)
    if not {"condition", "classifier"} <= card.keys():
        raise UserError(f"{model} has no model card that names its network; a .keras file is made of such a one.")
    save(detector(*saved_model.read(model, card)), path)


def save(network: keras.Model, path: Path) -> None:
    """Raises ForeignLayers where the network has layers that Keras does not come with."""
    if foreign := sorted(set(_foreign(keras.saving.serialize_keras_object(network)))):
        raise ForeignLayers(f"Keras alone does not know the network's {', '.join(foreign)}: take another format.")
    network.save(path)


def load(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """As `saved_model.load`."""
    network = keras.saving.load_model(path)
    return lambda images: keras.ops.convert_to_numpy(keras.ops.sigmoid(network(images)))[:, 0]


def _foreign(config: Any) -> Iterator[str]:
    """The classes in a serialized network that are not Keras's own."""
    if isinstance(config, dict):
        module = config.get("module")
        if module and module.partition(".")[0] not in ("keras", "builtins"):
            yield config["class_name"].lstrip("_")
        config = list(config.values())
    if isinstance(config, list | tuple):
        for part in config:
            yield from _foreign(part)
