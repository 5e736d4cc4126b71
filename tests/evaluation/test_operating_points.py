"""Where verdicts begin and end: errors on the images that set them stay below the rate, no lower than need be."""

import numpy as np
import pytest

from cifake_keras.evaluation.operating_points import operating_points
from cifake_keras.protocol import ERROR_RATES

LABELS = np.repeat([0, 1], [400, 300])


def shares(point: dict, probability: np.ndarray) -> tuple[float, float, float]:
    """Photographs called FAKE, fakes called REAL, and what is between, each class weighed alike."""
    fake, real = probability >= point["fake_from"], probability < point["real_below"]
    unsure = [(~fake & ~real)[label == LABELS].mean() for label in (0, 1)]
    return fake[LABELS == 0].mean(), real[LABELS == 1].mean(), np.mean(unsure)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("digits", [1, 7])
def test_errors_stay_below_the_rate(distance, digits):
    """digits: with one after the point, many probabilities are the same."""
    logits = np.random.default_rng(1).normal(distance * (2 * LABELS - 1))
    probability = np.round(1 / (1 + np.exp(-logits)), digits)
    points = operating_points(LABELS, probability)
    assert [point["error_rate"] for point in points] == list(ERROR_RATES)
    for point in points:
        called_fake, called_real, unsure = shares(point, probability)
        assert called_fake <= point["error_rate"] and called_real <= point["error_rate"]
        assert unsure == pytest.approx(point["unsure"], abs=1e-4)
        if digits == 7 and point["unsure"]:
            assert called_fake > point["error_rate"] - 2 / 400 and called_real > point["error_rate"] - 2 / 300
    assert [point["unsure"] for point in points] == sorted((point["unsure"] for point in points), reverse=True)


def test_nothing_is_unsure_where_one_threshold_keeps_both_rates():
    probability = np.where(LABELS == 1, 0.9, 0.2)
    for point in operating_points(LABELS, probability):
        assert (point["real_below"], point["fake_from"], point["unsure"]) == (0.5, 0.5, 0)
    low = operating_points(LABELS, probability / 3)[0]
    assert low["real_below"] == low["fake_from"] == pytest.approx(0.3, abs=1e-5), "the nearest to 0.5"


def test_what_tells_nothing_is_never_sure():
    for value in (0.0, 0.3, 1.0):
        for point in operating_points(LABELS, np.full(700, value)):
            assert point["real_below"] <= value < point["fake_from"] and point["unsure"] == 1
