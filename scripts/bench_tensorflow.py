"""Our side of scripts/bench.py: what the package does, measured from prepared uint8 images on disk."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.runtime import processes

SALIENCY = 100  # images whose saliency is measured


def start(threads: int) -> None:
    processes.import_tensorflow(threads)


def precision() -> str:
    """That in which this processor trains by itself."""
    from cifake_keras.training.precision import resolve_precision

    return resolve_precision("auto")


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
    """Images a second, times candidates trained side by side, end to end."""
    from cifake_keras import protocol
    from cifake_keras.conditions.path import in_precision
    from cifake_keras.conditions.reconstructions import reconstructed
    from cifake_keras.training import classifiers
    from cifake_keras.training.precision import policy

    sets, steps = (_images(path, count), _images(path, 500)), protocol.CONDITIONS[condition].steps
    networks = _networks(steps)
    if kept := protocol.kept(steps):
        dtypes = policy(precision())
        kept_networks = in_precision(kept, networks, dtypes)
        sets = tuple(reconstructed(images, kept, kept_networks, dtypes, folder) for images in sets)
    chosen, session = [_hyperparameters()] * candidates, _session(condition)
    trained = classifiers.train(*sets, protocol.CONDITIONS[condition], "paper", networks, chosen, 0, session)
    _, history = trained[0]
    return count * candidates / history["seconds"].iloc[-1]


def _hyperparameters():
    """The first of the two epochs warms up."""
    from cifake_keras.protocol import Hyperparameters

    return Hyperparameters(1e-3, 1e-4, epochs=2)


def _session(title: str):
    from cifake_keras.training.fitting import Session

    return Session(f"bench {title}", precision())


def autoencoder_speed(path: Path, count: int) -> float:
    from cifake_keras.protocol import AUTOENCODER
    from cifake_keras.training import reconstruction

    training = dataclasses.replace(AUTOENCODER.training, hyperparameters=_hyperparameters(), seed=0)
    step = dataclasses.replace(AUTOENCODER, training=training)
    _, history = reconstruction.train(step, {}, _images(path, count), _images(path, 500), _session("autoencoder"))
    return count / history["seconds"].iloc[-1]


def prediction_speed(path: Path, count: int, condition: str) -> float:
    """Images a second through scorer.Scorer, in float32 as every test set is scored."""
    from cifake_keras import protocol

    score, steps = _scorer(condition), protocol.CONDITIONS[condition].steps
    score(_images(path, 500), steps)
    return count / _seconds(lambda: score(_images(path, count), steps))


def _scorer(condition: str):
    """Of a classifier of `condition`, for images on any path."""
    from cifake_keras import models, protocol
    from cifake_keras.evaluation.scorer import Scorer

    networks = _networks({step for path in _paths() for step in path})
    return Scorer(models.build("paper"), networks, protocol.CONDITIONS[condition].range)


def _paths() -> list:
    """Those of the paper's conditions, on which every cell is examined."""
    from cifake_keras import protocol

    return list(protocol.paths(protocol.CONDITIONS[name] for name in protocol.PAPER_CONDITIONS).values())


def examination_speed(path: Path, count: int) -> float:
    """Test images a second that a cell of the baseline scores on every path and altered in every way."""
    from cifake_keras import protocol
    from cifake_keras.evaluation.alterations import alter

    score, images, pixels = _scorer("baseline"), _images(path, count), np.load(path)[:count]

    def examine():
        for steps in _paths():
            score(images, steps)
        for family, alteration in protocol.ALTERATIONS.items():
            for level in alteration.levels:
                score(images.with_images(alter(pixels, family, level)), ())

    examine()
    return count / _seconds(examine)


def saliency_speed(path: Path) -> float:
    """Test images a second of which a cell's saliency is computed by every method."""
    from cifake_keras import models
    from cifake_keras.evaluation import saliency

    network, inputs = models.build("paper"), np.load(path)[:SALIENCY].astype(np.float32) / 255

    def explain():
        for method in saliency.METHODS.values():
            method(network, inputs)

    explain()
    return SALIENCY / _seconds(explain)


def _seconds(work) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
