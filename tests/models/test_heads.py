"""Heads on frozen features: they are what scikit-learn and a search by hand say."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from cifake_keras.models import linear, neighbours
from cifake_keras.protocol import Head, Hyperparameters

RNG = np.random.default_rng(0)
LABELS = np.arange(80) % 2
# Of very different sizes, as features are.
FEATURES = ((RNG.normal(size=(80, 6)) + LABELS[:, None]) * 10.0 ** np.arange(-3, 3) + 5).astype(np.float32)


@pytest.mark.parametrize("l2", [1e-1, 1e-3])
def test_a_linear_probe_minimises_the_mean_loss_and_its_l2(l2):
    """The gradient is zero, by standardised weight: of the mean cross-entropy, plus l2 times the weight."""
    network = linear.build(Head(6), 1, "float32")
    linear.fit(network, FEATURES, LABELS, Hyperparameters(0.0, l2, 1))
    kernel, _ = network.get_weights()
    scaler = StandardScaler().fit(FEATURES)
    errors = expit(network(FEATURES).numpy()[:, 0]) - LABELS
    gradient = scaler.transform(FEATURES).T @ errors / len(LABELS)
    np.testing.assert_allclose(gradient, -l2 * kernel[:, 0] * scaler.scale_, atol=2e-4)
    assert np.abs(gradient).max() > 10 * 2e-4 or l2 < 1e-2


def test_nearest_neighbours_answer_with_the_class_of_the_most_similar_image():
    network = neighbours.build(Head(6), 1, "float32")
    neighbours.fit(network, FEATURES, LABELS, Hyperparameters(0.0, 0.0, 1))
    others = FEATURES[:20] + RNG.normal(size=(20, 6)).astype(np.float32)
    unit, unit_others = (of / np.linalg.norm(of, axis=1, keepdims=True) for of in (FEATURES, others))
    cosines = unit_others @ unit.T
    expected = 100 * (cosines[:, LABELS == 1].max(1) - cosines[:, LABELS == 0].max(1))
    np.testing.assert_allclose(network(others).numpy()[:, 0], expected, atol=0.2)
    assert np.array_equal(LABELS[cosines.argmax(1)] == 1, expected > 0)
    assert {weight.dtype for weight in network.weights} == {"float16"} and not network.trainable_weights
