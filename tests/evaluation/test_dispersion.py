"""Dispersion of maps of which it is known."""

import numpy as np
import pytest

from cifake_keras.evaluation.dispersion import MEASURES, entropy, gini, top_share

UNIFORM, HALF, PIXEL, NOTHING = np.ones((32, 32)), np.zeros((32, 32)), np.zeros((32, 32)), np.zeros((32, 32))
HALF[:16] = 1
PIXEL[3, 5] = 1
MAPS = np.stack([UNIFORM, HALF, PIXEL]).astype(np.float32)


def test_entropy_is_the_logarithm_of_how_many_pixels_share():
    assert entropy(MAPS) == pytest.approx([1, 9 / 10, 0], abs=1e-12), "2^10 pixels, 2^9, one"


def test_gini_is_the_distance_from_equality():
    assert gini(MAPS) == pytest.approx([0, 1 / 2, 1 - 1 / 1024], abs=1e-12)
    few = np.array([[[1.0, 3.0], [0.0, 4.0]]])
    differences = np.abs(few.ravel()[:, None] - few.ravel()).mean()
    assert gini(few) == pytest.approx(differences / (2 * few.mean())), "half the relative mean difference"


def test_top_share_is_the_mass_of_the_largest_102_pixels():
    assert top_share(MAPS) == pytest.approx([102 / 1024, 102 / 512, 1])


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_scale_and_place_do_not_matter(measure):
    maps = np.random.default_rng(0).random((4, 32, 32), np.float32) ** 4
    moved = maps[:, ::-1].transpose(0, 2, 1)
    assert measure(1e-12 * maps) == pytest.approx(measure(maps), rel=1e-5)
    assert measure(moved) == pytest.approx(measure(maps))


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_map_without_saliency_has_no_dispersion(measure):
    found = measure(np.stack([UNIFORM, NOTHING, PIXEL]))
    assert np.isnan(found).tolist() == [False, True, False]
