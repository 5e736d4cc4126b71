"""The sanity check of Adebayo et al. (2018): do saliency maps change when all weights of a network are drawn anew?

Maps that stay the same show the image and the architecture, not what the network learnt.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
from scipy import stats

from cifake_keras import models

# Trainings have small seeds: one of those would bring back the weights that the network began with.
SEED = 10**6


def similarity(
    maps: np.ndarray,
    method: Callable[[keras.Model, np.ndarray], np.ndarray],
    classifier: str,
    inputs: np.ndarray,
    seed: int = SEED,
) -> np.ndarray:
    """Spearman's correlation, float64 [n], of each of `maps` with the same image's map under random weights.

    maps: those of `inputs` by a trained network. method: the one of saliency.METHODS that made them. classifier: the
    name of the network in the protocol. NaN where one of the two maps has one value everywhere.
    """
    return rank_correlation(maps, method(_untrained(classifier, seed), inputs))


@functools.cache
def _untrained(classifier: str, seed: int) -> keras.Model:
    return models.build(classifier, seed)


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation, float64 [n], of each of `maps` [n, height, width] with the same one of `others`."""
    return (_standard_ranks(maps) * _standard_ranks(others)).sum(1)


def _standard_ranks(maps: np.ndarray) -> np.ndarray:
    """[n, pixels]: the pixels' ranks, centred, of length 1."""
    ranks = stats.rankdata(maps.reshape(len(maps), -1), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(length > 0, length, np.nan)
