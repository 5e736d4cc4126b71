"""The network that comes with the package says what the probes said that it is made of."""

import numpy as np
import pytest
from choose_native import STAGES, Candidate, Learned, fitted
from make_native import assembled

from cifake_keras.models import native
from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import NATIVE, Lite

CANDIDATE = Candidate("two dense", NATIVE.stages, (NATIVE.units // 2,), (1.0,), probes=2)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((80, 64, 64, 3), np.float32)


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite0.network(Lite(96), seed=1)


@pytest.fixture(scope="module")
def known(backbone, pictures):
    """Every other picture is of the other class, and every fourth validates."""
    features = native.statistics(backbone, STAGES)(pictures).numpy()
    numbers = np.arange(len(pictures))
    return Learned(features, numbers % 2, numbers // 2 % 2 == 1)


def test_scalers_and_probes_are_one_network(backbone, pictures, known):
    made = fitted(CANDIDATE, known)
    said = assembled(made, 0.3, 2.0, backbone)(pictures).numpy()[:, 0]
    np.testing.assert_allclose(said, (made.logits(known.features) - 0.3) / 2, rtol=1e-3, atol=1e-4)
