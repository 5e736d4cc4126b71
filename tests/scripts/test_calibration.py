"""How sure a detector is to be of what it has not seen."""

import numpy as np
import pytest
from calibration import calibrated, temperature


@pytest.fixture(scope="module")
def answers():
    """Logits of two normal distributions with 3 between their means are 3 x, which is known; here they are 12 x."""
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1], [40_000, 4_000])
    return labels, 12 * draws.normal(3 * labels - 1.5, 1)


def test_the_temperature_is_that_of_the_answers_whatever_the_number_of_each_class(answers):
    assert temperature(*answers) == pytest.approx(4, rel=0.05)


def test_a_card_says_what_the_temperature_mended_and_where_verdicts_begin_after_it(answers):
    labels, margins = (of[36_000:] for of in answers)  # as many of each class
    found = calibrated(labels, margins, 4.0)
    assert found["calibration"]["ece_after"] < 0.02 < found["calibration"]["ece_before"]
    by_rate = {point["error_rate"]: point for point in found["verdicts"]}
    said = 1 / (1 + np.exp(-margins[labels == 0] / 4))
    assert np.mean(said >= by_rate[0.01]["fake_from"]) == pytest.approx(0.01, abs=0.001)
