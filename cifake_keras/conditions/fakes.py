"""Training fakes that are made of photographs: of the fakes a share gives way to reconstructions, labelled FAKE.

So Rajan et al. (arXiv 2410.11835) and Guillaro et al. (B-Free, arXiv 2412.17671) make fakes that show what photographs
show, and differ in nothing but what an autoencoder leaves.
"""

from collections.abc import Callable

import numpy as np

from cifake_keras.conditions.path import to_range
from cifake_keras.protocol import FAKE, REAL, UNIT, ReconstructedFakes, output_range
from cifake_keras.splits.composition import ImageSet


def with_reconstructions(
    images: ImageSet, settings: ReconstructedFakes, reconstruct: Callable[[ImageSet], ImageSet], seed: int
) -> ImageSet:
    """`images`, of whose fakes the share of the settings is replaced by reconstructions of as many of its photographs.

    Which fakes, and which photographs, is drawn by `seed`; labels stay. reconstruct: gives images after the step.
    """
    rng = np.random.default_rng(seed)
    photographs, fakes = (np.flatnonzero(images.labels == label) for label in (REAL, FAKE))
    count = min(round(settings.share * len(fakes)), len(photographs))
    originals, replaced = (rng.choice(of, count, replace=False) for of in (photographs, fakes))
    return images.replaced(replaced, _levels(reconstruct(images.subset(originals))))


def _levels(images: ImageSet) -> np.ndarray:
    """uint8 [n, 32, 32, 3], as all other images are: a fake is not to be told by its fractions."""
    pixels = images.images(np.arange(len(images))).astype(np.float32)
    return np.round(255 * to_range(pixels, output_range(images.steps), UNIT)).astype(np.uint8)
