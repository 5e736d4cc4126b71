"""Saliency maps (section 4.6 of the paper) with tf-keras-vis: the gradient of the logit, by colour the largest."""

from pathlib import Path

import keras
import numpy as np
from tf_keras_vis.saliency import Saliency

from cifake_keras import conditions, perturbations
from cifake_keras.files import replacing
from cifake_keras.protocol import CLASSES, FAKE, Condition
from cifake_keras.splits import PhaseImages

Networks = tuple[keras.Model, keras.Model | None]


def saliency_map(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """float32 [batch, 32, 32] in [0, 1], each map scaled by its own extremes.

    model: a functional model to logits [batch, 1]. images: float32 [batch, 32, 32, 3].
    """
    functional = keras.Model(model.inputs, model.outputs)
    return np.asarray(Saliency(functional)(lambda logits: logits[:, 0], images))


def write_examples(
    path: Path, preset: str, data: PhaseImages, networks: dict[Condition, Networks], seed: int = 0
) -> None:
    """Writes what figures 1, 3 and 4 show: of each test set a FAKE image drawn by `seed`, by condition.

    networks: the classifier and the autoencoder of each condition.
    """
    rng = np.random.default_rng(seed)
    chosen = {name: rng.choice(np.flatnonzero(test.labels == FAKE), 1) for name, test in data.tests.items()}
    images = np.concatenate([data.tests[name].images(order) for name, order in chosen.items()])
    draws = perturbations.draw(len(images), seed)
    draws[:, 0] = 0  # the figure is to show a perturbation, not that it was left out
    unit = images.astype(np.float32) / 255
    perturbed = perturbations.perturb(unit, draws).numpy()
    shown = [
        _paths(condition, *pair, perturbed if condition.perturbed else unit) for condition, pair in networks.items()
    ]
    arrays = {name: np.stack([values[name] for values in shown], axis=1) for name in shown[0]}
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            preset=preset,
            test_sets=list(chosen),
            labels=[CLASSES[FAKE]] * len(chosen),
            filenames=[data.tests[name].examples["filename"].iloc[order[0]] for name, order in chosen.items()],
            conditions=[condition.name for condition in networks],
            images=images,
            perturbed=np.round(perturbed * 255).astype(np.uint8),
            **arrays,
        )


def _paths(condition: Condition, classifier, autoencoder, images: np.ndarray) -> dict[str, np.ndarray]:
    """What one condition makes of `images`: the classifier's input, both saliency maps, the score."""
    detector = conditions.detector(condition, classifier, autoencoder)
    inputs = np.asarray(conditions.classifier_input(images, condition, autoencoder))
    logits = detector(images, training=False).numpy()[:, 0]
    return {
        "inputs": (inputs + 1) / 2 if condition.autoencoded else inputs,
        "input_saliency": saliency_map(classifier, inputs),
        "image_saliency": saliency_map(detector, images),
        "probability_fake": 1 / (1 + np.exp(-logits)),
    }
