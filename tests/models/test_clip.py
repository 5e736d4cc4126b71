"""CLIP's image tower: one file of weights for all its settings, and the features of the published file."""

from pathlib import Path

import clip_parity
import numpy as np
import pytest
from PIL import Image
from support import REAL_DATA

from cifake_keras.models.backbones import clip_vit_b16
from cifake_keras.protocol import CLIP_VIT_B16, Clip

ARCHIVE = Path(REAL_DATA or "", "clip", CLIP_VIT_B16.weights.files[0][0])
IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def test_one_file_of_weights_serves_all_settings(tmp_path):
    """At 112 pixels with fewer patches, and before the projection without its weights."""
    whole = clip_vit_b16.network(Clip(side=112), seed=5)
    whole.save_weights(tmp_path / "clip.weights.h5")
    hidden, large = (clip_vit_b16.network(settings) for settings in (Clip(side=112, projected=False), Clip()))
    for network in (hidden, large):
        network.load_weights(tmp_path / "clip.weights.h5")
    assert all(map(np.array_equal, whole.get_weights(), large.get_weights()))
    seen = clip_vit_b16.preprocessed(IMAGES, 112)
    projection = whole.get_layer("visual_projection").kernel
    np.testing.assert_allclose(whole(seen), np.asarray(hidden(seen)) @ projection, atol=1e-4)


def test_images_are_enlarged_as_pillow_does():
    channel = IMAGES[0, :, :, 0]
    expected = np.asarray(Image.fromarray(channel).resize((224, 224), Image.Resampling.BICUBIC)).clip(0, 1)
    mean, deviation = 0.48145466, 0.26862954
    seen = clip_vit_b16.preprocessed(IMAGES, 224)[0, :, :, 0]
    np.testing.assert_allclose(seen * deviation + mean, expected, atol=1e-4)


@pytest.mark.skipif(not ARCHIVE.exists(), reason="CLIP's file is not at hand")
def test_features_are_those_of_the_published_file():
    """Of its weights to float32's digits. What the file as it is rounds between layers costs half of the cosine."""
    seen = clip_parity.images(2)
    ours = clip_parity.by_keras(ARCHIVE)(seen)
    float32, int8 = (
        clip_parity.by_onnxruntime(of(ARCHIVE))(seen) for of in (clip_parity.without_rounding, clip_parity.published)
    )
    assert np.abs(ours - float32).max() < 1e-4
    np.testing.assert_allclose(clip_parity.cosines(ours, int8), clip_parity.cosines(float32, int8), atol=1e-4)
