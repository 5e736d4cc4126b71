"""Reconstructions made once: what a classifier would see anyway, and only for as long as they hold."""

from dataclasses import replace

import numpy as np
from learning import image_set

from cifake_keras.conditions.path import batch_walk, build, in_precision
from cifake_keras.conditions.reconstructions import reconstructed
from cifake_keras.protocol import AUTOENCODER, SIGNED, Autoencoder
from cifake_keras.splits import batches

STEPS = (AUTOENCODER,)


def networks(seed=2):
    return {"autoencoder": build(AUTOENCODER, seed=seed)}


def test_they_are_what_the_path_gives(tmp_path):
    images, built = image_set(70), networks()
    kept = reconstructed(images, STEPS, built, "float32", tmp_path)
    both = (batches.training_batches(of, (), 70, seed=0, epoch=0) for of in (kept, images))
    (seen, _), (raw, _) = (next(iter(of)) for of in both)
    expected = batch_walk(raw, STEPS, built, SIGNED)
    assert np.abs(batch_walk(seen, STEPS, {}, SIGNED, taken=kept.steps) - expected).max() < 5e-4
    assert np.array_equal(kept.labels, images.labels)


def test_they_are_made_once_and_anew_when_something_changes(tmp_path):
    def names():
        return {path.name for path in tmp_path.glob("*.npy")}

    images, built = image_set(20), networks()
    reconstructed(images, STEPS, built, "float32", tmp_path)
    (path,) = tmp_path.glob("*.npy")
    written = path.stat().st_mtime_ns
    reconstructed(images, STEPS, built, "float32", tmp_path)
    assert path.stat().st_mtime_ns == written and len(names()) == 1
    reconstructed(images, STEPS, networks(seed=3), "float32", tmp_path)
    reconstructed(image_set(22), STEPS, built, "float32", tmp_path)
    halved = in_precision(STEPS, built, "mixed_bfloat16")
    reconstructed(images, STEPS, halved, "mixed_bfloat16", tmp_path)
    other = (replace(AUTOENCODER, settings=Autoencoder(latent=None)),)
    reconstructed(images, other, built, "float32", tmp_path)
    assert len(names()) == 5
