"""Reconstructions among the training images: what an autoencoder leaves is seen in training, and tests are clean."""

from collections.abc import Sequence

import numpy as np

from cifake_keras.conditions.path import to_range
from cifake_keras.protocol import FAKE, REAL, UNIT, Mixture, output_range
from cifake_keras.splits.composition import ImageSet


def mixed(images: ImageSet, reconstructions: Sequence[ImageSet], mixture: Mixture, seed: int) -> ImageSet:
    """`images`, of which a share gives way to reconstructions; which ones is drawn by `seed`, and labels stay.

    reconstructions: of all images, in their order, after each of the mixture's steps; of each as many are taken.
    """
    originals, replaced = _drawn(images.labels, mixture, np.random.default_rng(seed))
    parts = np.array_split(originals, len(reconstructions))
    levels = [_levels(of_step, part) for of_step, part in zip(reconstructions, parts, strict=True)]
    return images.replaced(replaced, np.concatenate(levels))


def _drawn(labels: np.ndarray, mixture: Mixture, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The places of images whose reconstructions are taken, and where these are put."""
    if not mixture.as_fakes:
        chosen = rng.choice(len(labels), round(mixture.share * len(labels)), replace=False)
        return chosen, chosen
    photographs, fakes = (np.flatnonzero(labels == label) for label in (REAL, FAKE))
    count = min(round(mixture.share * len(fakes)), len(photographs))
    return rng.choice(photographs, count, replace=False), rng.choice(fakes, count, replace=False)


def _levels(reconstructions: ImageSet, places: np.ndarray) -> np.ndarray:
    """uint8 [n, 32, 32, 3], as all other images are: a reconstruction is not to be told by its fractions."""
    pixels = reconstructions.images(places).astype(np.float32)
    return np.round(255 * to_range(pixels, output_range(reconstructions.steps), UNIT)).astype(np.uint8)
