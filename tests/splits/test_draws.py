"""Chance as numbers: decided by a key, and each step's own."""

from dataclasses import replace

import numpy as np

from cifake_keras.protocol import AUTOENCODER, PERTURBATION
from cifake_keras.splits.draws import draw


def test_the_key_decides_the_draws():
    first, again, other = (draw((PERTURBATION,), 5, *key)["perturbation"] for key in ((1, 2), (1, 2), (2, 1)))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == (5, PERTURBATION.draws) and first.min() >= 0 and first.max() < 1


def test_a_step_has_its_chance_whatever_other_steps_there_are():
    other = replace(PERTURBATION, name="other", stream=1, draws=2)
    alone, both = draw((PERTURBATION,), 5, 1, 2), draw((AUTOENCODER, other, PERTURBATION), 5, 1, 2)
    assert both.keys() == {"other", "perturbation"} and both["other"].shape == (5, 2)
    assert np.array_equal(alone["perturbation"], both["perturbation"])
    assert not np.isin(both["other"], both["perturbation"]).any()
