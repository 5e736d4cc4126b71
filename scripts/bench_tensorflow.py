"""Our side of scripts/bench.py: what the package does, measured from prepared uint8 images on disk."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.runtime import processes

POLICY, PRECISION = "mixed_bfloat16", "bfloat16"


def start(threads: int) -> None:
    processes.import_tensorflow(threads)


def matrix_product(dtype: str, side: int = 2048, repeats: int = 12) -> float:
    """FLOP/s of the best of several products of square matrices."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_uniform((side, side), (0, 0)), dtype)
    product = tf.function(lambda: matrix @ matrix)
    product()
    seconds = []
    for _ in range(repeats):
        started = time.monotonic()
        product().numpy()
        seconds.append(time.monotonic() - started)
    return 2 * side**3 / min(seconds)


def operations() -> dict[str, int]:
    """Floating-point operations of an image, layer by layer: forward, and in a training step."""
    from cifake_keras import models, protocol
    from cifake_keras.conditions import path

    classifier, coder = map(_operations, (models.build("paper"), path.build(protocol.AUTOENCODER)))
    return {"classifier": classifier[1], "autoencoder": coder[1], "autoencoder forward": coder[0]}


def _operations(network) -> tuple[int, int]:
    """A product of a layer costs as much again for its weights' gradient and for its input's; images need none."""
    layers = [layer for layer in network.layers if layer.weights]
    forward = [_products(layer) for layer in layers]
    return sum(forward), 3 * sum(forward) - forward[0]


def _products(layer) -> int:
    # A kernel is used once for every pixel that it makes (or, transposed with stride 1, that it reads: as many).
    return 2 * int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))


def _images(path: Path, count: int):
    from cifake_keras.sources.arrays import Rows
    from cifake_keras.splits.composition import ImageSet

    rows = np.arange(count)
    return ImageSet(pd.DataFrame({"source": "bench", "row": rows, "label": rows % 2}), {"bench": Rows(path)})


def _networks(steps) -> dict:
    from cifake_keras.conditions import path

    return {step.name: path.build(step) for step in steps if step.network}


def training_speed(path: Path, count: int, condition: str, candidates: int, folder: Path) -> float:
    """Images a second, times candidates trained side by side, end to end; the first epoch warms up."""
    from cifake_keras import protocol
    from cifake_keras.conditions.path import in_precision
    from cifake_keras.conditions.reconstructions import reconstructed
    from cifake_keras.training import classifiers
    from cifake_keras.training.fitting import Session

    sets, steps = (_images(path, count), _images(path, 500)), protocol.CONDITIONS[condition].steps
    networks = _networks(steps)
    if kept := protocol.kept(steps):
        kept_networks = in_precision(kept, networks, POLICY)
        sets = tuple(reconstructed(images, kept, kept_networks, POLICY, folder) for images in sets)
    chosen = [protocol.Hyperparameters(1e-3, 1e-4, epochs=3)] * candidates
    session = Session(f"bench {condition}", PRECISION)
    trained = classifiers.train(*sets, protocol.CONDITIONS[condition], "paper", networks, chosen, 0, session)
    _, history = trained[0]
    return count * candidates / history["seconds"].iloc[1:].mean()


def autoencoder_speed(path: Path, count: int) -> float:
    from cifake_keras.protocol import AUTOENCODER, Hyperparameters
    from cifake_keras.training import reconstruction
    from cifake_keras.training.fitting import Session

    training = dataclasses.replace(AUTOENCODER.training, hyperparameters=Hyperparameters(1e-3, 1e-4, epochs=3))
    step, session = dataclasses.replace(AUTOENCODER, training=training), Session("bench autoencoder", PRECISION)
    _, history = reconstruction.train(step, {}, _images(path, count), _images(path, 500), session)
    return count / history["seconds"].iloc[1:].mean()


def prediction_speed(path: Path, count: int, condition: str) -> float:
    """Images a second through scorer.Scorer, in float32 as every test set is scored."""
    from cifake_keras import models, protocol
    from cifake_keras.evaluation.scorer import Scorer

    of, steps = protocol.CONDITIONS[condition], protocol.CONDITIONS[condition].steps
    score = Scorer(models.build("paper"), _networks(steps), of.range)
    score(_images(path, 500), steps)
    started = time.monotonic()
    score(_images(path, count), steps)
    return count / (time.monotonic() - started)
