"""The perturbation against Pillow and SciPy, and the chances of the protocol."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage, stats

from cifake_keras.conditions import perturbation
from cifake_keras.protocol import PERTURBATION, Perturbation
from cifake_keras.splits import draws as chance

APPLY, LEAVE = 0.0, 0.99
DULL, SAME, BRIGHT = 0.0, 0.5, 0.9999  # brightness factors 0.5, 1 and 1.5
SQUARE = 0.5  # the ratio 1:1
TONE = 1 / 255


def draw(count: int, seed: int) -> np.ndarray:
    return chance.draw((PERTURBATION,), count, seed, 0)["perturbation"]


def perturb(images: np.ndarray, drawn: np.ndarray, settings: Perturbation = PERTURBATION.settings) -> np.ndarray:
    return perturbation.apply(images, drawn, None, settings).numpy()


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 32, 32, 3), np.float32)


def draws(count: int, apply=APPLY, brightness=SAME, seed=1) -> np.ndarray:
    drawn = draw(count, seed)
    drawn[:, 0], drawn[:, 4] = apply, brightness
    return drawn


def boxes(drawn: np.ndarray) -> np.ndarray:
    """Of each image: top, left, height, width."""
    return np.stack([side.numpy() for side in perturbation.crop_boxes(drawn, PERTURBATION.settings)], axis=1).astype(
        int
    )


def reference(image: np.ndarray, box: np.ndarray, factor: float) -> np.ndarray:
    """Crop and resize by Pillow, blur by SciPy, brightness by hand."""
    top, left, height, width = box
    cropped = image[top : top + height, left : left + width]
    channels = [Image.fromarray(cropped[..., c]).resize((32, 32), Image.Resampling.BILINEAR) for c in range(3)]
    blurred = [ndimage.gaussian_filter(np.asarray(channel), 1.0, mode="mirror", truncate=2) for channel in channels]
    return np.clip(np.stack(blurred, axis=-1) * factor, 0, 1)


@pytest.mark.parametrize(("brightness", "factor"), [(DULL, 0.5), (SAME, 1.0), (BRIGHT, 1.5)])
def test_crop_blur_and_brightness_equal_the_reference(brightness, factor):
    images, drawn = noise(64), draws(64, brightness=brightness)
    expected = np.stack([reference(*pair, factor) for pair in zip(images, boxes(drawn), strict=True)])
    assert np.abs(perturb(images, drawn) - expected).max() < TONE


def test_crops_have_the_area_and_ratio_of_the_protocol_and_stay_inside():
    top, left, height, width = boxes(draw(20_000, 2)).T
    assert top.min() >= 0 and left.min() >= 0
    assert (top + height).max() <= 32 and (left + width).max() <= 32
    # Whole pixels: half a pixel of either side is what rounding may take or give.
    assert np.abs(height * width - 0.9 * 32**2).max() <= 0.5 * (height + width).max()
    assert (width / height).max() <= 4 / 3 and (width / height).min() >= 3 / 4


def test_crops_are_as_frequent_as_torchvisions():
    """Against torchvision's way: draw ratios until the crop fits."""
    rng, side = np.random.default_rng(3), 32 * math.sqrt(0.9)
    stretch = np.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3), 200_000) / 2)
    theirs = np.stack([np.round(side / stretch), np.round(side * stretch)], axis=1).astype(int)
    theirs = theirs[(theirs <= 32).all(axis=1)]
    ours = boxes(draw(80_000, 4))[:, 2:]
    sizes = sorted(set(map(tuple, theirs)))
    counts = [[int((found == size).all(axis=1).sum()) for size in sizes] for found in (ours, theirs)]
    assert sum(counts[0]) == len(ours), "no other sizes"
    assert stats.chi2_contingency(counts).pvalue > 0.001


def test_every_place_that_a_crop_fits_in_is_as_likely():
    square = draw(40_000, 5)
    square[:, 1] = SQUARE
    top, left, height, _ = boxes(square).T
    places = np.bincount(top * 33 + left, minlength=33 * 33).reshape(33, 33)[: 33 - height[0], : 33 - height[0]]
    assert places.sum() == len(square) and stats.chisquare(places.ravel()).pvalue > 0.001


def test_brightness_is_uniform_from_a_half_to_three_halves():
    """Grey images stay grey under crop and blur: their brightness is the factor."""
    drawn = draw(4_000, 6)
    drawn[:, 0] = APPLY
    factors = perturb(np.full((4_000, 32, 32, 3), 0.5, np.float32), drawn).mean(axis=(1, 2, 3)) / 0.5
    assert stats.kstest(factors, stats.uniform(0.5, 1.0).cdf).pvalue > 0.001


def test_four_in_five_images_are_perturbed_and_the_others_are_untouched():
    count = 10_000
    images, drawn = noise(500).repeat(count // 500, axis=0), draw(count, 7)
    changed = (perturb(images, drawn) != images).any(axis=(1, 2, 3))
    assert abs(changed.mean() - 0.8) < 4 * math.sqrt(0.8 * 0.2 / count)
    assert np.array_equal(changed, drawn[:, 0] < 0.8), "one decision for all three"


def test_both_classes_are_treated_alike():
    """Draws know no labels: in any fixed half of the images the same share is perturbed."""
    drawn, fake = draw(20_000, 8), np.arange(20_000) % 2 == 1
    for column in range(PERTURBATION.draws):
        assert stats.ks_2samp(drawn[fake, column], drawn[~fake, column]).pvalue > 0.001


def test_an_image_is_perturbed_the_same_in_any_batch():
    images, drawn = noise(12), draws(12, brightness=0.3)
    together = perturb(images, drawn)
    alone = np.concatenate([perturb(images[i : i + 1], drawn[i : i + 1]) for i in range(12)])
    assert np.abs(together - alone).max() < 1e-6


# The other reading of the text: each operation decides for itself.

EACH = Perturbation(together=False)


def decided(drawn: np.ndarray) -> list[np.ndarray]:
    """Whether each image is cropped, blurred and brightened."""
    return [decision.numpy() for decision in perturbation.decisions(tf.constant(drawn), EACH)]


def test_each_operation_is_chosen_for_itself_four_times_in_five():
    count = 50_000
    chosen = np.stack(decided(draw(count, 1)))
    for pattern in np.ndindex(2, 2, 2):
        expected = math.prod(0.8 if chosen_one else 0.2 for chosen_one in pattern)
        share = (chosen == np.array(pattern, bool)[:, None]).all(axis=0).mean()
        assert abs(share - expected) < 4 * math.sqrt(expected / count), pattern


def test_all_operations_by_themselves_are_the_perturbation_and_none_leaves_the_image():
    images, drawn = noise(2_000), draw(2_000, 2)
    number = sum(decision.astype(int) for decision in decided(drawn))
    changed = perturb(images, drawn, EACH)
    assert np.allclose(changed[number == 3], perturb(images, drawn)[number == 3], atol=1e-6)
    assert np.array_equal(changed[number == 0], images[number == 0]) and (number == 0).any()


def test_a_single_operation_is_that_one_alone():
    """Brightness is a factor for all pixels, grey images show neither crop nor blur, and blur smooths noise."""
    images, drawn = noise(2_000) / 2, draw(2_000, 3)
    crop, blur, brighten = decided(drawn)
    changed = perturb(images, drawn, EACH)
    alone = brighten & ~crop & ~blur
    assert np.allclose(changed[alone], images[alone] * (0.5 + drawn[alone, 4])[:, None, None, None], atol=1e-6)
    grey = perturb(np.full_like(images, 0.4), drawn, EACH)
    assert np.allclose(grey[~brighten], 0.4, atol=1e-6)
    still = blur & ~crop & ~brighten
    roughness = [np.abs(np.diff(of[still], axis=1)).mean() for of in (changed, images)]
    assert roughness[0] < roughness[1] / 2
