"""Below which probability REAL is said, and from which FAKE, so that errors stay below a rate; UNSURE is in between."""

import math

import numpy as np

from cifake_keras.protocol import ERROR_RATES, FAKE, REAL, THRESHOLD

_DIGITS = 6  # after the point, of a probability


def operating_points(labels: np.ndarray, probability_fake: np.ndarray) -> list[dict[str, float]]:
    """A row an error rate: the two probabilities, and the share of images between them, each class weighed alike.

    labels: int [n], of both classes; probability_fake: float [n]. Of these images no more than that rate of the
    photographs is called FAKE, and no more than that rate of the fakes REAL. Where one probability keeps both there is
    no UNSURE: it is 0.5, or what is nearest to it. A `fake_from` above 1 says that FAKE is never said.
    """
    photographs, fakes = (np.sort(probability_fake[labels == label].astype(np.float64)) for label in (REAL, FAKE))
    return [_point(rate, photographs, fakes) for rate in ERROR_RATES]


def _point(rate: float, photographs: np.ndarray, fakes: np.ndarray) -> dict[str, float]:
    """The probabilities are sorted."""
    scale = 10**_DIGITS
    fake_from = (math.floor(scale * photographs[-1 - _among(rate, photographs)]) + 1) / scale
    real_below = math.floor(scale * fakes[_among(rate, fakes)]) / scale
    if real_below >= fake_from:
        real_below = fake_from = min(max(THRESHOLD, fake_from), real_below)
    between = [((of >= real_below) & (of < fake_from)).mean() for of in (photographs, fakes)]
    unsure = round(float(np.mean(between)), 4)
    return {"error_rate": rate, "real_below": real_below, "fake_from": fake_from, "unsure": unsure}


def _among(rate: float, images: np.ndarray) -> int:
    """How many of them may be wrong. Rates are decimal: 0.29 of 100 is 29, not what a product of floats falls below."""
    return min(math.floor(round(rate * len(images), 9)), len(images) - 1)
