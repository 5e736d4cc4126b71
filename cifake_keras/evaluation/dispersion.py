"""Dispersion of saliency maps: whether importance is spread over an image or concentrated in a few pixels.

A measure takes maps [n, height, width], not negative, and returns float64 [n]. None depends on a map's scale. Of a map
that is zero everywhere the measure is NaN, to be left out of means and counted.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats


def entropy(maps: np.ndarray) -> np.ndarray:
    """Shannon's entropy, as a share of a uniform map's: 0 where one pixel has all, 1 where all have the same."""
    shares = _shares(maps)
    return stats.entropy(shares, axis=1) / np.log(shares.shape[1])


def gini(maps: np.ndarray) -> np.ndarray:
    """Gini's index of inequality: 0 where all pixels have the same, 1 - 1 / pixels where one has all."""
    shares = np.sort(_shares(maps), axis=1)
    pixels = shares.shape[1]
    return shares @ (2 * np.arange(1, pixels + 1) - pixels - 1) / pixels


def top_share(maps: np.ndarray) -> np.ndarray:
    """The share of the mass in the top 10% of pixels: 0.1 (of 32x32, 102 in 1,024) where all have the same, up to 1."""
    shares = np.sort(_shares(maps), axis=1)
    return shares[:, -round(0.1 * shares.shape[1]) :].sum(1)


MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"entropy": entropy, "gini": gini, "top_share": top_share}


def _shares(maps: np.ndarray) -> np.ndarray:
    """float64 [n, pixels]: each pixel's share of its map's mass."""
    pixels = maps.reshape(len(maps), -1).astype(np.float64)
    total = pixels.sum(1, keepdims=True)
    return pixels / np.where(total > 0, total, np.nan)
