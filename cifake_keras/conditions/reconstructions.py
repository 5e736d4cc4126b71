"""Images that have taken the first steps of a path, computed once for all epochs, candidates, seeds and heads."""

import hashlib
import math
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from cifake_keras.conditions.path import Networks, batch_walk
from cifake_keras.protocol import Steps, end_in_features, output_range, output_shape
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.sources import arrays
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet

# Images at once. A backbone takes megabytes for each, and a process that is killed loses so many.
_BATCH, _BACKBONE_BATCH = 500, 32


def reconstructed(
    images: ImageSet, steps: Steps, networks: Networks, precision: str, folder: Path, dtype: type = np.float16
) -> ImageSet:
    """`images` after `steps`, with the chance of an evaluation: `dtype` [n, 32, 32, 3] in the range of the last.

    Of steps that end in features, those: [n, their number]. float16 halves them and loses less than bfloat16, in which
    the classifier rounds its input. They are kept in `folder`, named by the pixels, the steps, the weights, the
    precision of the networks that made them and their own. What was killed goes on where it had come to. Raises
    UserError where the disk has no room for them.
    """
    path = folder / f"{_digest(images, steps, networks, f'{precision} {np.dtype(dtype)}')}.npy"
    files.make_once(path, lambda begun: _write(begun, images, steps, networks, dtype), continued=True)
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

    shape, size = (len(images), *output_shape(steps)), _BACKBONE_BATCH if end_in_features(steps) else _BATCH
    title = f"{steps[-1].title} of {len(images):,} images"
    with arrays.continuing(path, shape, dtype, size) as (before, write):
        _require_room(path, (len(images) - before) * math.prod(shape[1:]) * np.dtype(dtype).itemsize, title)
        if before or end_in_features(steps):  # features take hours
            say(f"{title}: {before:,} were computed before")
        drawn = batches.evaluation_batches(images, steps, size, before)
        for batch, _ in track(drawn, title, len(drawn)):
            write(reconstruct(batch).numpy())


def _require_room(path: Path, size: int, title: str) -> None:
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise UserError(
            f"{path.parent} has {free // 10**6:,} MB free, and {title} take {size // 10**6:,} MB: make room, or name "
            "another --data-dir."
        )
