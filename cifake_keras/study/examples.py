"""What the figures show: images drawn at random, and what each condition makes of them."""

from collections.abc import Mapping

import keras
import numpy as np
from tf_keras_vis.utils import normalize

from cifake_keras.conditions.path import Networks, detector, on_pixels, to_range, walk
from cifake_keras.evaluation.saliency import vanilla_gradient
from cifake_keras.protocol import CLASSES, CLEAN, CONDITIONS, FAKE, MATCHED, UNIT, Condition, Steps
from cifake_keras.records.examples import Examples
from cifake_keras.splits.composition import PhaseImages
from cifake_keras.splits.draws import draw


def make(
    preset: str, data: PhaseImages, networks: Mapping[Condition, tuple[keras.Model, Networks]], seed: int = 0
) -> Examples:
    """What figures 1, 3 and 4 show: of each test set a FAKE image drawn by `seed`, by condition.

    networks: the classifier of each condition and the networks of its steps.
    """
    rng = np.random.default_rng(seed)
    chosen = {name: rng.choice(np.flatnonzero(test.labels == FAKE), 1) for name, test in data.tests.items()}
    images = np.concatenate([data.tests[name].images(order) for name, order in chosen.items()])
    shown = [_shown(condition, *pair, images, seed) for condition, pair in networks.items()]
    perturbed = next(filter(_chance, CONDITIONS.values()))
    return Examples(
        preset=np.array(preset),
        test_sets=np.array(list(chosen)),
        labels=np.array([CLASSES[FAKE]] * len(chosen)),
        filenames=np.array([data.tests[name].examples["filename"].iloc[order[0]] for name, order in chosen.items()]),
        conditions=np.array([condition.name for condition in networks]),
        images=images,
        perturbed=np.round(_perturbed(perturbed, images, seed) * 255).astype(np.uint8),
        **{name: np.stack([values[name] for values in shown], axis=1) for name in shown[0]},
    )


def _shown(
    condition: Condition, classifier: keras.Model, networks: Networks, images: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """What one condition makes of `images`: the classifier's input, both saliency maps in [0, 1], the score."""
    images = _perturbed(condition, images, seed)
    whole = detector(condition, classifier, networks)
    condition, classifier = on_pixels(condition, classifier, networks)
    inputs = np.asarray(walk(images, condition.path(CLEAN), networks, condition.range))
    logits = whole(images, training=False).numpy()[:, 0]
    return {
        "inputs": to_range(inputs, condition.range, UNIT),
        "input_saliency": normalize(vanilla_gradient(classifier, inputs)),
        "image_saliency": normalize(vanilla_gradient(whole, images)),
        "probability_fake": 1 / (1 + np.exp(-logits)),
    }


def _chance(condition: Condition) -> Steps:
    return tuple(step for step in condition.path(MATCHED) if step.draws)


def _perturbed(condition: Condition, images: np.ndarray, seed: int) -> np.ndarray:
    """float32 in [0, 1]: images, uint8, after the steps of a condition that need chance."""
    draws = draw(_chance(condition), len(images), seed, 0)
    for of_step in draws.values():
        of_step[:, 0] = 0  # the figure is to show a step, not that it was left out
    unit = images.astype(np.float32) / 255
    return np.asarray(walk(unit, _chance(condition), {}, UNIT, draws=draws))
