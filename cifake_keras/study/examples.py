"""What the figures show: images drawn at random, and what each condition makes of them."""

from pathlib import Path

import keras
import numpy as np
from tf_keras_vis.utils import normalize

from cifake_keras.conditions import path, perturbation
from cifake_keras.evaluation.saliency import vanilla_gradient
from cifake_keras.protocol import CLASSES, FAKE, Condition
from cifake_keras.runtime.files import replacing
from cifake_keras.splits.composition import PhaseImages

Networks = tuple[keras.Model, keras.Model | None]


def write(path: Path, preset: str, data: PhaseImages, networks: dict[Condition, Networks], seed: int = 0) -> None:
    """Writes what figures 1, 3 and 4 show: of each test set a FAKE image drawn by `seed`, by condition.

    networks: the classifier and the autoencoder of each condition.
    """
    rng = np.random.default_rng(seed)
    chosen = {name: rng.choice(np.flatnonzero(test.labels == FAKE), 1) for name, test in data.tests.items()}
    images = np.concatenate([data.tests[name].images(order) for name, order in chosen.items()])
    draws = perturbation.draw(len(images), seed)
    draws[:, 0] = 0  # the figure is to show a perturbation, not that it was left out
    unit = images.astype(np.float32) / 255
    perturbed = perturbation.perturb(unit, draws).numpy()
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
    """What one condition makes of `images`: the classifier's input, both saliency maps in [0, 1], the score."""
    detector = path.detector(condition, classifier, autoencoder)
    inputs = np.asarray(path.classifier_input(images, condition, autoencoder))
    logits = detector(images, training=False).numpy()[:, 0]
    return {
        "inputs": (inputs + 1) / 2 if condition.autoencoded else inputs,
        "input_saliency": normalize(vanilla_gradient(classifier, inputs)),
        "image_saliency": normalize(vanilla_gradient(detector, images)),
        "probability_fake": 1 / (1 + np.exp(-logits)),
    }
