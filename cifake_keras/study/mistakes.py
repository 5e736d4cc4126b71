"""The test images that each condition is most confidently wrong on, with what its saliency shows of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
from tf_keras_vis.utils import normalize

from cifake_keras.conditions.path import Networks, detector
from cifake_keras.evaluation.saliency import vanilla_gradient
from cifake_keras.protocol import CLASSES, CLEAN, FAKE, HARDEST, THRESHOLD, Condition
from cifake_keras.records import cells, predictions
from cifake_keras.records.mistakes import Mistakes
from cifake_keras.splits.composition import ImageSet, PhaseImages


def make(
    data: PhaseImages,
    best: Mapping[Condition, tuple[Path, dict]],
    networks: Mapping[Condition, tuple[keras.Model, Networks]],
) -> Mistakes:
    """Of each condition and class the HARDEST mistakes on the in-sample test images, untouched.

    best: the folder and the metrics of each condition's cell. networks: its classifier and the networks of its steps.
    Raises UserError where a cell lacks its predictions.
    """
    name, test = next(iter(data.tests.items()))
    parts = [part for condition, cell in best.items() for part in _of_cell(name, test, cell, condition, networks)]
    columns = {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
    return Mistakes(test_set=np.array(name), **columns)


def _of_cell(
    name: str,
    test: ImageSet,
    cell: tuple[Path, dict],
    condition: Condition,
    networks: Mapping[Condition, tuple[keras.Model, Networks]],
) -> Iterator[dict[str, np.ndarray]]:
    """By class."""
    folder, recorded = cell
    with cells.as_written(folder / cells.PREDICTIONS):
        labels, probability_fake = predictions.read(folder)[name, CLEAN]
    network = detector(condition, *networks[condition])
    of_cell = {"conditions": condition.name, "classifiers": recorded["classifier"], "seeds": recorded["seed"]}
    for label in range(len(CLASSES)):
        wrong = hardest(labels, probability_fake, label)
        chosen = wrong[:HARDEST]
        images = test.images(chosen)
        told = of_cell | {"labels": label, "wrong": len(wrong), "tested": test.count(label)}
        yield {
            **{column: np.full(len(chosen), value) for column, value in told.items()},
            "filenames": test.examples["filename"].iloc[chosen].to_numpy(str),
            "probability_fake": probability_fake[chosen].astype(np.float32),
            "images": images,
            "saliency": _saliency(network, images),
        }


def hardest(labels: np.ndarray, probability_fake: np.ndarray, label: int) -> np.ndarray:
    """The places of the images of a class that are taken for the other, the most confident mistake first."""
    said_fake = probability_fake >= THRESHOLD
    wrong = np.flatnonzero((labels == label) & (said_fake != (label == FAKE)))
    confidence = np.abs(probability_fake[wrong] - THRESHOLD)
    return wrong[np.argsort(-confidence, kind="stable")]


def _saliency(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """uint8 [n, 32, 32], each map stretched to [0, 255]."""
    if not len(images):
        return np.empty(images.shape[:3], np.uint8)
    maps = normalize(vanilla_gradient(network, images.astype(np.float32) / 255))
    return np.round(255 * maps).astype(np.uint8)
