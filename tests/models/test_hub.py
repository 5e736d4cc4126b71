"""Backbones of keras-hub take their weights from a preset's files."""

import numpy as np
import pytest

from cifake_keras.models.backbones import hub
from cifake_keras.protocol import BACKBONES, Transformer
from cifake_keras.runtime.errors import UserError

SIZES = {"patch_size": 14, "hidden_dim": 16, "num_layers": 1, "num_heads": 2, "intermediate_dim": 32}
IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def settings(name: str, **sizes: int) -> Transformer:
    whole = BACKBONES[name].settings
    return Transformer(whole.network, tuple((SIZES | sizes).items()), whole.mean, whole.deviation, side=28)


def presets():
    """A tower by itself, which interpolates positions, and one beside a text's."""
    models = pytest.importorskip("keras_hub").models
    text = {"vocabulary_size": 9, "embedding_dim": 16, "hidden_dim": 16, "num_layers": 1, "num_heads": 2}
    seen = models.CLIPVisionEncoder(**SIZES, image_shape=(28, 28, 3))
    yield "dinov2", models.DINOV2Backbone(**SIZES, image_shape=(56, 56, 3))
    yield "clip_vit_l14", models.CLIPBackbone(seen, models.CLIPTextEncoder(**text, intermediate_dim=32), 16)


def test_weights_of_a_preset_are_taken(tmp_path):
    for name, preset in presets():
        (folder := tmp_path / name).mkdir()
        preset.save_to_preset(str(folder))
        network = hub.network(settings(name), seed=3)
        before = hub.apply(IMAGES, None, network, settings(name))
        hub.convert([folder / "config.json"], network)
        after = hub.apply(IMAGES, None, network, settings(name))
        assert after.shape == (2, 16) and np.abs(after - before).max() > 1e-3
        own = getattr(preset, "vision_encoder", preset).get_layer(index=-1).get_weights()
        assert all(map(np.array_equal, own, network.get_layer("tower").get_layer(index=-1).get_weights()))
        with pytest.raises(UserError, match="does not hold the preset of this network"):
            hub.convert([folder / "config.json"], hub.network(settings(name, hidden_dim=32)))
