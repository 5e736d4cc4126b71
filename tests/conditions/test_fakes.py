"""Reconstructions as fakes: which images they replace, and that all else of the training set stays."""

import numpy as np
from learning import image_set

from cifake_keras import protocol
from cifake_keras.conditions.fakes import with_reconstructions
from cifake_keras.protocol import AUTOENCODER, SIGNED, ReconstructedFakes


def inverted(images):
    """What a step that takes and gives [-1, 1] makes of photographs."""
    assert not images.labels.any() and AUTOENCODER.range == SIGNED
    return images.with_images((1 - pixels(images) / 127.5).astype(np.float16), (AUTOENCODER,))


def pixels(images) -> np.ndarray:
    return images.images(np.arange(len(images)))


def test_a_share_of_the_fakes_gives_way_to_reconstructions_of_photographs():
    images, settings = image_set(40), ReconstructedFakes(AUTOENCODER, share=0.3)
    mixed = with_reconstructions(images, settings, inverted, seed=1)
    changed = (pixels(mixed) != pixels(images)).any((1, 2, 3))
    assert changed.sum() == 6 and np.array_equal(mixed.labels, images.labels) and images.labels[changed].all()
    assert mixed.dtype == np.uint8
    photographs = {of.tobytes() for of in 255 - pixels(images)[images.labels == 0]}
    assert len({of.tobytes() for of in pixels(mixed)[changed]} & photographs) == 6, "of six photographs"
    other = with_reconstructions(images, settings, inverted, seed=2)
    assert not np.array_equal(pixels(mixed), pixels(other)), "another seed takes others"


def test_the_autoencoder_is_that_of_the_seed_and_of_the_reading():
    """It is fitted before, recorded with the cell, and no part of the path; others are recorded as they were."""
    condition = protocol.CONDITIONS["reconstructions_as_fakes"]
    assert condition.seeded(3).needed == (AUTOENCODER.seeded(3),) and condition.path("clean") == ()
    recorded = condition.seeded(3).described()
    assert recorded["reconstructed_fakes"]["step"]["training"]["seed"] == 3
    assert protocol.CONDITIONS["autoencoded"].seeded(3).described().keys() == {"condition", "steps"}
    linear = protocol.READINGS["linear_latent"].read(condition)
    assert linear.fakes.step.settings.latent is None
