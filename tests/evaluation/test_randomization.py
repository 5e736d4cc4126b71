"""The sanity check tells maps of what a network learnt from maps of the image."""

import keras
import numpy as np
import pytest
from scipy import stats

from cifake_keras import models
from cifake_keras.evaluation import saliency
from cifake_keras.evaluation.randomization import rank_correlation, similarity

IMAGES = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
METHODS = pytest.mark.parametrize("method", saliency.METHODS.values(), ids=saliency.METHODS)


def looking_at_a_corner() -> keras.Sequential:
    """The paper's classifier, blind to all but the top left corner."""
    network = models.build("paper")
    dense = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))
    kernel, bias = dense.get_weights()
    seen = np.zeros((32, 32, 32))
    seen[:8, :8] = 1
    dense.set_weights([kernel * seen.reshape(-1, 1), bias])
    return network


def test_rank_correlation_is_spearmans():
    maps, others = np.random.default_rng(1).integers(0, 50, (2, 3, 32, 32))
    others[1] += maps[1]
    expected = [stats.spearmanr(*pair, axis=None).statistic for pair in zip(maps, others, strict=True)]
    assert rank_correlation(maps, others) == pytest.approx(expected)
    assert rank_correlation(maps, maps**3) == pytest.approx(np.ones(3)), "of ranks"


def test_a_map_of_one_value_has_no_rank_correlation():
    maps = np.random.default_rng(2).random((2, 32, 32))
    assert np.isnan(rank_correlation(maps, np.stack([maps[0], np.ones((32, 32))]))).tolist() == [False, True]


@METHODS
def test_other_weights_give_other_maps(method):
    maps = method(looking_at_a_corner(), IMAGES)
    assert np.abs(similarity(maps, method, "paper", IMAGES)).max() < 0.5


@METHODS
def test_weights_are_drawn_as_those_of_a_new_network(method):
    maps = method(models.build("paper", seed=3), IMAGES)
    assert similarity(maps, method, "paper", IMAGES, seed=3) == pytest.approx(np.ones(3))


def test_a_method_that_ignores_the_network_is_found_out():
    assert similarity(IMAGES.max(-1), lambda _, images: images.max(-1), "paper", IMAGES) == pytest.approx(np.ones(3))
