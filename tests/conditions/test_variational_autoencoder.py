"""The autoencoder of Stable Diffusion 3 takes its weights from the preset of the whole generator."""

from pathlib import Path

import numpy as np
import pytest
from support import refused

from cifake_keras.conditions import variational_autoencoder
from cifake_keras.protocol import VariationalAutoencoder
from cifake_keras.runtime.errors import UserError

SETTINGS = VariationalAutoencoder(latents=16, filters=(32, 32, 32, 32), blocks=1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def preset(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """Its file of weights, and what its autoencoder makes of the images."""
    models = pytest.importorskip("keras_hub").models
    vae_backbone = pytest.importorskip("keras_hub.src.models.vae.vae_backbone")
    vae = vae_backbone.VAEBackbone([32] * 4, [1] * 4, [32] * 4, [2] * 4, sampler_method="mode")
    texts = [models.CLIPTextEncoder(9, 16, 16, 2, 2, 16, "gelu", -2, name=name) for name in ("clip_l", "clip_g")]
    whole = models.StableDiffusion3Backbone(2, 16, 1, 1, 8, None, None, vae, *texts, image_shape=(64, 64, 3))
    folder = tmp_path_factory.mktemp("preset")
    whole.save_to_preset(str(folder))
    return folder / "model.weights.h5", vae(IMAGES).numpy()


def test_weights_of_the_generators_preset_are_taken(preset):
    file, reconstructions = preset
    network = variational_autoencoder.network(SETTINGS, seed=3)
    assert np.abs(network(IMAGES) - np.clip(reconstructions, -1, 1)).max() > 0.1
    variational_autoencoder.convert([file], network)
    np.testing.assert_allclose(network(IMAGES), np.clip(reconstructions, -1, 1), atol=1e-4)


def test_those_of_another_autoencoder_are_refused(preset):
    network = variational_autoencoder.network(VariationalAutoencoder(latents=4, filters=(32, 32), blocks=1))
    with pytest.raises(UserError, match=r"model\.weights\.h5 does not hold the weights of this network"):
        variational_autoencoder.convert([preset[0]], network)


def test_a_condition_whose_weights_are_absent_is_refused_with_the_command_that_gets_them(data_dir, tmp_path):
    told = refused("run-grid", "--condition", "sd3_vae", "--data-dir", data_dir, "--results-dir", tmp_path / "results")
    assert "sd3_vae.weights.h5 is not there; run: cifake-keras data prepare weights sd3_vae" in told
