"""Reconstructions of unperturbed images: computed once for all epochs, candidates and seeds."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cifake_keras import models
from cifake_keras.conditions.path import classifier_input, to_unit
from cifake_keras.protocol import CONDITIONS
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track
from cifake_keras.sources import arrays
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet


def reconstructed(images: ImageSet, autoencoder: keras.Model, policy: str, folder: Path) -> ImageSet:
    """`images` as condition `autoencoded` shows them to a classifier: float16 [n, 32, 32, 3] in [-1, 1].

    float16 halves them and loses less than bfloat16, in which the classifier rounds its input. They are kept in
    `folder`, named by the pixels, the autoencoder's weights and the precision that made them.
    """
    path = folder / f"{_digest(images, autoencoder, policy)}.npy"
    files.make_once(path, lambda temporary: _write(temporary, images, models.with_precision(autoencoder, policy)))
    return images.with_images(arrays.Rows(path))


def _digest(images: ImageSet, autoencoder: keras.Model, policy: str) -> str:
    digest = hashlib.sha256(policy.encode())
    for weights in autoencoder.get_weights():
        digest.update(weights.tobytes())
    for batch, _ in batches.evaluation_batches(images):
        digest.update(batch["image"].numpy().tobytes())
    return digest.hexdigest()[:32]


def _write(path: Path, images: ImageSet, autoencoder: keras.Model) -> None:
    @tf.function(reduce_retracing=True)
    def reconstruct(pixels):
        return classifier_input(to_unit(pixels), CONDITIONS["autoencoded"], autoencoder)

    unperturbed = batches.evaluation_batches(images)
    with arrays.writing(path, len(images), np.float16) as write:
        for batch, _ in track(unperturbed, f"Reconstructing {len(images):,} images", len(unperturbed)):
            write(reconstruct(batch["image"]).numpy())
