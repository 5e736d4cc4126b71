"""Procedural scenes: repeatable, natural in their spectrum, and each generator with its fingerprint."""

import subprocess
import sys

import numpy as np
import pytest

from cifake_keras.protocol import SOURCES
from cifake_keras.sources import scenes

SEED = 1
COUNT = 64


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    """Images of each recipe in [0, 1]."""
    return {recipe: scenes.images(recipe, COUNT, SEED) / 255 for recipe in scenes.RECIPES}


def luma(images: np.ndarray) -> np.ndarray:
    return images @ [0.299, 0.587, 0.114]


def power(planes: np.ndarray) -> np.ndarray:
    """Mean power of [n, 32, 32] at the frequencies 0 ... 16 cycles an image, ring by ring."""
    window = np.outer(np.hanning(scenes.SIZE), np.hanning(scenes.SIZE))
    centred = (planes - planes.mean(axis=(1, 2), keepdims=True)) * window
    spectrum = (np.abs(np.fft.fft2(centred)) ** 2).mean(axis=0)
    cycles = np.fft.fftfreq(scenes.SIZE) * scenes.SIZE
    ring = np.hypot(cycles[:, None], cycles).round()
    return np.array([spectrum[ring == radius].mean() for radius in range(scenes.SIZE // 2 + 1)])


def high(planes: np.ndarray) -> float:
    return power(planes)[12:].mean()


def checkerboard(images: np.ndarray) -> float:
    """Mean size of the highest horizontal, vertical and diagonal frequencies together."""
    spectrum = np.abs(np.fft.fft2(luma(images))).mean(axis=0)
    nyquist = scenes.SIZE // 2
    return spectrum[0, nyquist] + spectrum[nyquist, 0] + spectrum[nyquist, nyquist]


def block_ratio(images: np.ndarray) -> float:
    """Differences between neighbours inside 2x2 blocks, relative to those across their borders."""
    steps = np.abs(np.diff(images, axis=2))
    return steps[:, :, ::2].mean() / steps[:, :, 1::2].mean()


def test_recipes_are_the_demos_sources():
    procedural = [source.name for source in SOURCES.values() if source.dataset.startswith("procedural/")]
    assert list(scenes.RECIPES) == procedural
    assert all(recipe.__doc__ for recipe in scenes.RECIPES.values())


@pytest.mark.parametrize("recipe", scenes.RECIPES)
def test_shape_type_and_range(recipe, sample):
    images = scenes.images(recipe, 3, SEED)
    assert images.shape == (3, scenes.SIZE, scenes.SIZE, 3) and images.dtype == np.uint8
    assert 0.35 < sample[recipe].mean() < 0.65 and sample[recipe].std() > 0.1, "neither dark, bright nor flat"


def test_no_images():
    assert scenes.images("camera", 0).shape == (0, scenes.SIZE, scenes.SIZE, 3)


@pytest.mark.parametrize("recipe", scenes.RECIPES)
def test_more_images_only_append(recipe):
    many = scenes.images(recipe, 40, SEED)  # more than a chunk
    assert np.array_equal(many, scenes.images(recipe, 40, SEED))
    assert np.array_equal(many[:5], scenes.images(recipe, 5, SEED))
    assert np.array_equal(many[:35], scenes.images(recipe, 35, SEED))


def test_another_process_makes_the_same_images():
    program = (
        "import hashlib; from cifake_keras.sources import scenes; "
        "print(hashlib.sha256(scenes.images('telephone', 5)).hexdigest())"
    )
    digests = {subprocess.check_output([sys.executable, "-c", program]) for _ in range(2)}
    assert len(digests) == 1


def test_no_two_images_are_the_same():
    images = [scenes.images(recipe, 32, seed) for recipe in scenes.RECIPES for seed in (0, 1)]
    assert len({image.tobytes() for image in np.concatenate(images)}) == 2 * 32 * len(scenes.RECIPES)


def test_recipes_share_no_scene(sample):
    coarse = {name: luma(images).reshape(COUNT, 8, 4, 8, 4).mean(axis=(2, 4)) for name, images in sample.items()}
    every = np.concatenate(list(coarse.values())).reshape(-1, 64)
    likeness = np.corrcoef(every) - 2 * np.eye(len(every))
    assert likeness.max() < 0.95, "the same scene through two recipes is more alike than this"


@pytest.mark.parametrize("recipe", ["camera", "telephone"])
def test_photographs_have_a_natural_spectrum(recipe, sample):
    cycles = np.arange(2, 14)
    slope, _ = np.polyfit(np.log(cycles), np.log(power(luma(sample[recipe]))[cycles]), 1)
    assert -3 < slope < -1.4


def test_nearest_has_blocks(sample):
    assert block_ratio(sample["nearest"]) < 0.35
    assert all(0.9 < block_ratio(sample[name]) < 1.1 for name in ("camera", "telephone", "lowpass", "smooth_colour"))


def test_bilinear_has_means_of_neighbours(sample):
    def distance_from_mean(images):
        middle = images[:, :, 1:-1] - (images[:, :, :-2] + images[:, :, 2:]) / 2
        return np.abs(middle[:, :, ::2]).mean() / np.abs(middle[:, :, 1::2]).mean()

    assert distance_from_mean(sample["bilinear"]) < 0.5
    assert 0.9 < distance_from_mean(sample["camera"]) < 1.1


def test_transposed_has_a_checkerboard(sample):
    assert checkerboard(sample["transposed"]) > 5 * checkerboard(sample["camera"])


def test_lowpass_lacks_high_frequencies(sample):
    assert high(luma(sample["lowpass"])) < 0.2 * high(luma(sample["camera"]))


def test_smooth_colour_is_smooth_in_colour_alone(sample):
    def red_difference(images):
        return images[..., 0] - luma(images)

    smooth, camera = sample["smooth_colour"], sample["camera"]
    assert high(red_difference(smooth)) < 0.3 * high(red_difference(camera))
    assert high(luma(smooth)) > high(luma(camera))


def test_some_generators_are_warm_and_no_photograph_is(sample):
    warmth = {name: (images[..., 0] - images[..., 2]).mean() for name, images in sample.items()}
    warm = {name for name, value in warmth.items() if value > 0.1}
    assert warm == {"nearest", "bilinear", "smooth_colour"}
    assert all(abs(value) < 0.03 for name, value in warmth.items() if name not in warm)


def test_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match="daguerreotype"):
        scenes.images("daguerreotype", 1)
