"""Reconstructions as augmentation: which images give way, and that test images and the study's autoencoder stay."""

import numpy as np

from cifake_keras import protocol
from cifake_keras.conditions.path import walk
from cifake_keras.protocol import AUGMENTATION, AUTOENCODER, UNIT

IMAGES = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
DRAWS = np.array([[0.1], [0.49], [0.5], [0.9]], np.float32)


def test_an_image_gives_way_to_its_reconstruction_where_its_number_is_below_the_share():
    """The autoencoder takes and gives [-1, 1], other than the step: this one inverts."""
    networks, draws = {"augmentation": lambda signed: -signed}, {"augmentation": DRAWS}
    changed = walk(IMAGES, (AUGMENTATION,), networks, UNIT, draws=draws).numpy()
    assert np.array_equal(changed[2:], IMAGES[2:])
    np.testing.assert_allclose(changed[:2], 1 - IMAGES[:2], atol=1e-6)


def test_test_images_are_clean_and_the_autoencoder_is_that_of_the_paper():
    condition = protocol.CONDITIONS["autoencoder_augmented"]
    assert condition.path("matched") == condition.path("clean") == () and condition.range == protocol.UNIT
    assert condition.seeded(3).steps[0].fitted == AUTOENCODER.seeded(3), "one network serves both conditions"
    described = AUGMENTATION.seeded(3).described()
    assert described["share"] == 0.5 and described["of"]["training"]["seed"] == 3
