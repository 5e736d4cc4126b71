"""Reconstructions made once: what a classifier would see anyway, and only for as long as they hold."""

import numpy as np
from learning import image_set

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.conditions.reconstructions import reconstructed
from cifake_keras.protocol import CONDITIONS
from cifake_keras.splits import batches


def test_they_are_what_the_path_gives(tmp_path):
    images, autoencoder = image_set(70), models.autoencoder(seed=2)
    kept = reconstructed(images, autoencoder, "float32", tmp_path)
    both = (batches.training_batches(of, 70, seed=0, epoch=0) for of in (kept, images))
    (seen, _), (raw, _) = (next(iter(of)) for of in both)
    expected = path.classifier_inputs(raw, CONDITIONS["autoencoded"], autoencoder)
    assert np.abs(path.classifier_inputs(seen, CONDITIONS["autoencoded"], None) - expected).max() < 5e-4
    assert np.array_equal(kept.labels, images.labels)


def test_they_are_made_once_and_anew_when_something_changes(tmp_path):
    def names():
        return {path.name for path in tmp_path.glob("*.npy")}

    images, autoencoder = image_set(20), models.autoencoder(seed=2)
    reconstructed(images, autoencoder, "float32", tmp_path)
    (path,) = tmp_path.glob("*.npy")
    written = path.stat().st_mtime_ns
    reconstructed(images, autoencoder, "float32", tmp_path)
    assert path.stat().st_mtime_ns == written and len(names()) == 1
    reconstructed(images, models.autoencoder(seed=3), "float32", tmp_path)
    reconstructed(image_set(22), autoencoder, "float32", tmp_path)
    reconstructed(images, autoencoder, "mixed_bfloat16", tmp_path)
    assert len(names()) == 4
