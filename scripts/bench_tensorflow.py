"""Our side of scripts/bench.py: what the package does, measured from prepared uint8 images on disk."""

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
    from cifake_keras import models

    classifier, coder = (_operations(build()) for build in (models.paper, models.autoencoder))
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


def training_speed(path: Path, count: int, condition: str, candidates: int, folder: Path) -> float:
    """Images a second, times candidates trained side by side, end to end; the first epoch warms up."""
    from cifake_keras import models, protocol
    from cifake_keras.conditions import reconstructions
    from cifake_keras.training import fitting

    images, validation = _images(path, count), _images(path, 500)
    coder = models.autoencoder()
    if condition == "autoencoded":
        images, validation = (reconstructions.reconstructed(of, coder, POLICY, folder) for of in (images, validation))
    chosen = [protocol.Hyperparameters(1e-3, 1e-4, epochs=3)] * candidates
    session = fitting.Session(f"bench {condition}", PRECISION)
    arguments = (protocol.CONDITIONS[condition], "paper", coder, chosen, 0, session)
    _, history = fitting.train_classifiers(images, validation, *arguments)[0]
    return count * candidates / history["seconds"].iloc[1:].mean()


def autoencoder_speed(path: Path, count: int) -> float:
    from cifake_keras import protocol
    from cifake_keras.training import fitting

    settings = protocol.Hyperparameters(1e-3, 1e-4, epochs=3)
    session = fitting.Session("bench autoencoder", PRECISION)
    _, history = fitting.train_autoencoder(_images(path, count), _images(path, 500), settings, 0, session)
    return count / history["seconds"].iloc[1:].mean()


def prediction_speed(folder: Path, count: int, condition: str) -> float:
    """Images a second through scorer.Scorer, in float32 as every test set is scored."""
    from cifake_keras import models, protocol
    from cifake_keras.evaluation import scorer

    path = protocol.CONDITIONS[condition]
    score = scorer.Scorer(path, models.paper(), models.autoencoder())
    score(_images(folder, 500), path)
    started = time.monotonic()
    score(_images(folder, count), path)
    return count / (time.monotonic() - started)
