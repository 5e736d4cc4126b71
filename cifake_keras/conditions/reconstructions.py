"""Images that have taken the first steps of a path, computed once for all epochs, candidates and seeds."""

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from cifake_keras.conditions.path import Networks, batch_walk
from cifake_keras.protocol import Steps, output_range
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track
from cifake_keras.sources import arrays
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet


def reconstructed(
    images: ImageSet, steps: Steps, networks: Networks, precision: str, folder: Path, dtype: type = np.float16
) -> ImageSet:
    """`images` after `steps`, with the chance of an evaluation: `dtype` [n, 32, 32, 3] in the range of the last.

    float16 halves them and loses less than bfloat16, in which the classifier rounds its input. They are kept in
    `folder`, named by the pixels, the steps, the weights, the precision of the networks that made them and their own.
    """
    path = folder / f"{_digest(images, steps, networks, f'{precision} {np.dtype(dtype)}')}.npy"
    files.make_once(path, lambda temporary: _write(temporary, images, steps, networks, dtype))
    return images.with_images(arrays.Rows(path), steps)


def _digest(images: ImageSet, steps: Steps, networks: Networks, precision: str) -> str:
    digest = hashlib.sha256(f"{precision} {[step.described() for step in steps]}".encode())
    for network in networks.values():
        for weights in network.get_weights():
            digest.update(weights.tobytes())
    for batch, _ in batches.evaluation_batches(images):
        digest.update(batch["image"].numpy().tobytes())
    return digest.hexdigest()[:32]


def _write(path: Path, images: ImageSet, steps: Steps, networks: Networks, dtype: type) -> None:
    @tf.function(reduce_retracing=True)
    def reconstruct(batch: dict) -> tf.Tensor:
        return batch_walk(batch, steps, networks, output_range(steps))

    drawn = batches.evaluation_batches(images, steps)
    with arrays.writing(path, len(images), dtype) as write:
        for batch, _ in track(drawn, f"Reconstructing {len(images):,} images", len(drawn)):
            write(reconstruct(batch).numpy())
