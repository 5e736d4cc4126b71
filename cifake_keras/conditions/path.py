"""The one place that composes the steps of an image, as part of the model's step.

tf.data's own map functions stay on the host; a layer runs where the model runs.
"""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType

import keras
import tensorflow as tf

from cifake_keras.models import with_weights
from cifake_keras.protocol import (
    CLEAN,
    SIGNED,
    UNIT,
    Condition,
    Range,
    Step,
    Steps,
    end_in_features,
    output_range,
    output_shape,
)

# The networks of steps, or functions that compute as they do, by the step's name.
Networks = Mapping[str, keras.Model]

_NO_DRAWS: Mapping[str, tf.Tensor] = {}


def build(step: Step, precision: str = "float32", seed: int = 0) -> keras.Model:
    """The network of a step, with weights drawn by `seed`."""
    return module(step).network(step.settings, seed, precision)


def in_precision(steps: Steps, networks: Networks, precision: str) -> Networks:
    """Copies of the networks of `steps` that compute in another precision; their weights stay float32."""
    return {
        step.name: with_weights(build(step, precision), networks[step.name]) for step in steps if step.name in networks
    }


def module(step: Step) -> ModuleType:
    """The file that does a step."""
    return importlib.import_module(f"cifake_keras.{step.folder}.{step.file or step.name}")


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """uint8 [0, 255] to float32 [0, 1]."""
    return tf.cast(images, tf.float32) / 255


def to_range(images: tf.Tensor, old: Range, new: Range) -> tf.Tensor:
    """Images in the range `old`, [0, 1] or [-1, 1], brought to `new`."""
    if old == new:
        return images
    return {(UNIT, SIGNED): lambda: 2 * images - 1, (SIGNED, UNIT): lambda: (images + 1) / 2}[old, new]()


def walk(
    images: tf.Tensor,
    steps: Steps,
    networks: Networks,
    end: Range,
    start: Range = UNIT,
    draws: Mapping[str, tf.Tensor] = _NO_DRAWS,
) -> tf.Tensor:
    """Images through `steps`, from the range `start` to the range `end`: float32 [batch, 32, 32, 3], as it comes, or
    [batch, n] where a backbone is the last.

    networks: those that the steps have. draws: the chance of the steps that need some, by their names.
    """
    for step in steps:
        images = to_range(images, start, step.range)
        images = module(step).apply(images, draws.get(step.name), networks.get(step.name), step.settings)
        start = step.range
    return to_range(images, start, end)


def batch_walk(batch: dict, steps: Steps, networks: Networks, end: Range, taken: Steps = ()) -> tf.Tensor:
    """A pipeline's {"image", "draws"} through those of `steps` that its images have not taken yet; as `walk` gives it.

    taken: the first of `steps`. Images that have taken none are uint8, others float32 in the range of the last.
    """
    if steps[: len(taken)] != taken:
        raise ValueError(f"images that have taken {taken} cannot begin {steps}")
    images = batch["image"] if taken else to_unit(batch["image"])
    return walk(images, steps[len(taken) :], networks, end, output_range(taken), batch["draws"])


def on_pixels(condition: Condition, classifier: keras.Model, networks: Networks) -> tuple[Condition, keras.Model]:
    """The condition without its backbone, and one network of backbone and classifier; both as they are without one."""
    if not end_in_features(condition.steps):
        return condition, classifier
    *before, backbone = condition.steps
    without = replace(condition, steps=tuple(before))
    image = keras.Input(output_shape(()), name="image")
    return without, keras.Model(image, classifier(walk(image, (backbone,), networks, UNIT, without.range)))


def detector(condition: Condition, classifier: keras.Model, networks: Networks) -> keras.Model:
    """The steps without chance that test images take, and the classifier: images in [0, 1] to logits [batch, 1]."""
    steps = condition.path(CLEAN)
    image = keras.Input(output_shape(()) if steps else classifier.input_shape[1:], name="image")
    return keras.Model(image, classifier(walk(image, steps, networks, condition.range)))
