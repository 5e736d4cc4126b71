"""What a classifier sees on its own path, and on another's: always in the range that it knows."""

import numpy as np
import pytest

from cifake_keras import protocol
from cifake_keras.conditions.path import classifier_input

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
PLAIN, AUTOENCODED = (protocol.CONDITIONS[name] for name in ("baseline", "autoencoded"))


def halved(images):
    """An autoencoder that is easily told: it takes and gives [-1, 1]."""
    assert images.min() < 0
    return images / 2


@pytest.mark.parametrize(
    "condition, path, seen",
    [
        (PLAIN, PLAIN, IMAGES),
        (AUTOENCODED, AUTOENCODED, (2 * IMAGES - 1) / 2),
        (PLAIN, AUTOENCODED, ((2 * IMAGES - 1) / 2 + 1) / 2),
        (AUTOENCODED, PLAIN, 2 * IMAGES - 1),
    ],
)
def test_images_of_a_path_come_in_the_range_of_the_classifier(condition, path, seen):
    np.testing.assert_allclose(classifier_input(IMAGES, condition, halved, path), seen, atol=1e-6)


def test_clean_evaluation_leaves_out_the_perturbation_alone():
    paths = {name: protocol.path(condition, "clean").name for name, condition in protocol.CONDITIONS.items()}
    assert paths == {
        "baseline": "baseline",
        "perturbed": "baseline",
        "autoencoded": "autoencoded",
        "perturbed_autoencoded": "autoencoded",
    }
    assert all(protocol.path(condition, "matched") == condition for condition in protocol.CONDITIONS.values())
