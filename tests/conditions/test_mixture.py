"""Reconstructions among training images: which images give way, and that all else of the training set stays."""

import numpy as np
import pytest
from learning import image_set

from cifake_keras import protocol
from cifake_keras.conditions.mixture import mixed
from cifake_keras.protocol import AUTOENCODER, AUTOENCODER_HALF, CONDITIONS, SIGNED, Mixture
from cifake_keras.splits.composition import ImageSet

IMAGES = image_set(40)


def pixels(images: ImageSet) -> np.ndarray:
    return images.images(np.arange(len(images)))


@pytest.fixture(scope="module")
def inverted() -> ImageSet:
    """What a step that takes and gives [-1, 1] makes of the images."""
    assert AUTOENCODER.range == SIGNED
    return IMAGES.with_images((1 - pixels(IMAGES) / 127.5).astype(np.float16), (AUTOENCODER,))


def changed(images: ImageSet) -> np.ndarray:
    return (pixels(images) != pixels(IMAGES)).any((1, 2, 3))


def test_a_share_of_the_images_gives_way_each_to_its_own_reconstruction(inverted):
    made = mixed(IMAGES, [inverted], Mixture((AUTOENCODER,), share=0.3), seed=1)
    assert changed(made).sum() == 12 and np.array_equal(made.labels, IMAGES.labels) and made.dtype == np.uint8
    assert 0 < made.labels[changed(made)].sum() < 12, "of both classes"
    assert np.array_equal(pixels(made)[changed(made)], 255 - pixels(IMAGES)[changed(made)])
    assert not np.array_equal(
        changed(made), changed(mixed(IMAGES, [inverted], Mixture((AUTOENCODER,), share=0.3), seed=2))
    )


def test_a_share_of_the_fakes_gives_way_to_reconstructions_of_photographs(inverted):
    made = mixed(IMAGES, [inverted], Mixture((AUTOENCODER,), share=0.3, as_fakes=True), seed=1)
    assert changed(made).sum() == 6 and np.array_equal(made.labels, IMAGES.labels)
    assert made.labels[changed(made)].all()
    photographs = {of.tobytes() for of in 255 - pixels(IMAGES)[IMAGES.labels == 0]}
    assert len({of.tobytes() for of in pixels(made)[changed(made)]} & photographs) == 6, "of six photographs"


def test_of_several_autoencoders_each_reconstructs_as_many(inverted):
    black = IMAGES.with_images(np.full(pixels(IMAGES).shape, -1, np.float16), (AUTOENCODER,))
    made = mixed(IMAGES, [inverted, black], Mixture((AUTOENCODER, AUTOENCODER_HALF), share=0.5), seed=1)
    dark = ~pixels(made).any((1, 2, 3))
    assert changed(made).sum() == 20 and dark.sum() == 10
    assert 0 < made.labels[dark].sum() < 10, "of both classes"


def test_the_autoencoder_is_that_of_the_seed_and_of_the_reading():
    """It is fitted before, recorded with the cell, and no part of the path; others are recorded as they were."""
    condition = CONDITIONS["autoencoder_augmented"]
    assert condition.seeded(3).needed == (AUTOENCODER.seeded(3),)
    assert condition.path("matched") == condition.path("clean") == () and condition.range == protocol.UNIT
    assert condition.seeded(3).described()["mixture"]["steps"][0]["training"]["seed"] == 3
    assert CONDITIONS["autoencoded"].seeded(3).described().keys() == {"condition", "steps"}
    assert protocol.READINGS["linear_latent"].read(condition).mixture.steps[0].settings.latent is None
