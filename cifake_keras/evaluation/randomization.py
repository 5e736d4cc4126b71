"""The sanity check of Adebayo et al. (2018): do saliency maps change when all weights of a network are drawn anew?

Maps that stay the same show the image and the architecture, not what the network learnt.
"""

from collections.abc import Callable

import keras
import numpy as np
from scipy import stats

from cifake_keras import models

# Trainings have small seeds: one of those would bring back the weights that the network began with.
SEED = 10**6


def similarity(
    method: Callable[[keras.Model, np.ndarray], np.ndarray],
    classifier: keras.Sequential,
    inputs: np.ndarray,
    seed: int = SEED,
) -> np.ndarray:
    """Spearman's correlation, float64 [n], of each image's map with its map under random weights.

    method: one of saliency.METHODS. classifier: one that models.build makes, trained; it stays as it is.
    NaN where one of the two maps has one value everywhere.
    """
    untrained = models.build(classifier.name, seed)
    return rank_correlation(method(classifier, inputs), method(untrained, inputs))


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation, float64 [n], of each of `maps` [n, height, width] with the same one of `others`."""
    return (_standard_ranks(maps) * _standard_ranks(others)).sum(1)


def _standard_ranks(maps: np.ndarray) -> np.ndarray:
    """[n, pixels]: the pixels' ranks, centred, of length 1."""
    ranks = stats.rankdata(maps.reshape(len(maps), -1), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(length > 0, length, np.nan)
