"""Altered test images: as strong as they say, the same each time, and images still."""

import io

import numpy as np
import pytest
from PIL import Image

from cifake_keras import protocol
from cifake_keras.evaluation.alterations import alter

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
GREY = np.full((50, 32, 32, 3), 128, np.uint8)
LEVELS = [(family, level) for family, of in protocol.ALTERATIONS.items() for level in of.levels]


@pytest.mark.parametrize(("family", "level"), LEVELS)
def test_images_stay_images_and_chance_has_no_part(family, level):
    altered = alter(IMAGES, family, level)
    assert altered.shape == IMAGES.shape and altered.dtype == np.uint8 and not np.array_equal(altered, IMAGES)
    assert np.array_equal(altered, alter(IMAGES, family, level))
    assert np.array_equal(alter(GREY[:1], family, level), GREY[:1]) == (family != "noise")


@pytest.mark.parametrize("family", protocol.ALTERATIONS)
def test_levels_are_in_the_order_of_their_strength(family):
    distances = [
        np.abs(alter(IMAGES, family, level).astype(int) - IMAGES).mean()
        for level in protocol.ALTERATIONS[family].levels
    ]
    assert distances == sorted(set(distances))


def test_noise_has_the_deviation_it_names():
    assert alter(GREY, "noise", 5).astype(float).std() == pytest.approx(5, rel=0.01)


def test_blur_keeps_the_mean_and_mixes_no_colours():
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[:, 16, 16, 0] = 255
    blurred = alter(image, "blur", 1.0)
    assert not blurred[..., 1:].any() and blurred[0, 16, 16, 0] == round(255 / (2 * np.pi), 0)


def test_jpeg_is_the_one_of_cifakes_files():
    """Quality 75 with 4:2:0: the tables and the subsampling of all files of CIFAKE."""
    buffer = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(buffer, "JPEG", quality=75, subsampling="4:2:0")
    assert np.array_equal(alter(IMAGES, "jpeg", 75)[0], np.asarray(Image.open(buffer)))
