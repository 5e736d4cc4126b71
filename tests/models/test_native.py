"""The features of pictures are means and deviations of the backbone's own maps, at any size."""

import keras
import numpy as np
import pytest

from cifake_keras.models import native
from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import Lite


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite0.network(Lite(96), seed=1)


def test_features_are_the_moments_of_the_backbones_maps(backbone):
    pictures = np.random.default_rng(0).random((2, 96, 96, 3), np.float32)
    found = native.statistics(backbone, (1, 2))(pictures).numpy()
    added = next(layer for layer in backbone.layers if isinstance(layer, keras.layers.Add))
    first, second = (
        keras.Model(backbone.input, layer.output)(efficientnet_lite0.scaled(pictures)).numpy()
        for layer in (backbone.get_layer("_blocks_0._bn2"), added)
    )
    expected = [of(maps, axis=(1, 2)) for maps in (first, second) for of in (np.mean, np.std)]
    assert [maps.shape[-1] for maps in (first, second)] == [16, 24]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("height, width", [(64, 64), (97, 300)])
def test_pictures_have_any_size(backbone, height, width):
    network = native.statistics(backbone, (1, 2, 3))
    features = network(np.random.default_rng(0).random((1, height, width, 3), np.float32)).numpy()
    assert features.shape == (1, 2 * (16 + 24 + 40)) and np.isfinite(features).all()
