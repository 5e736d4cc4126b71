"""Batches: every image once an epoch, chance from the seed and the epoch alone."""

import numpy as np
import pandas as pd
import pytest

from cifake_keras.protocol import PERTURBATION
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet

COUNT = 23
STEPS = (PERTURBATION,)


@pytest.fixture
def images() -> ImageSet:
    """Image i has the value i everywhere; every third is FAKE."""
    pixels = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    labels = (np.arange(COUNT) % 3 == 0).astype(int)
    return ImageSet(pd.DataFrame({"source": "x", "row": np.arange(COUNT), "label": labels}), {"x": pixels})


def epochs(images, batch_size=5, seed=0, count=2):
    for epoch in range(count):
        part = list(batches.training_batches(images, STEPS, batch_size, seed, epoch))
        assert len(part) == batches.count(images, batch_size)
        order = np.concatenate([inputs["image"][:, 0, 0, 0] for inputs, _ in part])
        draws = np.concatenate([inputs["draws"]["perturbation"] for inputs, _ in part])
        labels = np.concatenate([label[:, 0] for _, label in part])
        yield order, draws, labels


def test_every_image_once_an_epoch_with_its_label(images):
    (first, draws, labels), (second, other_draws, _) = epochs(images)
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert not np.array_equal(first, second) and not np.array_equal(draws, other_draws)
    assert np.array_equal(labels, images.labels[first])


def test_the_seed_decides_order_and_draws(images):
    runs = [list(epochs(images, seed=seed))[1] for seed in (3, 3, 4)]
    assert all(np.array_equal(*pair) for pair in zip(runs[0], runs[1], strict=True))
    assert not np.array_equal(runs[0][0], runs[2][0]) and not np.array_equal(runs[0][1], runs[2][1])


def test_an_epoch_can_be_taken_up_at_any_batch(images):
    whole, rest = (list(batches.training_batches(images, STEPS, 5, 0, 1, first)) for first in (0, 3))
    assert len(rest) == 2
    for (inputs, labels), (expected, expected_labels) in zip(rest, whole[3:], strict=True):
        assert np.array_equal(inputs["image"], expected["image"])
        assert np.array_equal(inputs["draws"]["perturbation"], expected["draws"]["perturbation"])
        assert np.array_equal(labels, expected_labels)


def test_evaluation_keeps_the_order_and_does_not_depend_on_the_batch(images):
    both = [list(batches.evaluation_batches(images, STEPS, size)) for size in (4, 23)]
    for part in (lambda inputs: inputs["image"], lambda inputs: inputs["draws"]["perturbation"]):
        small, large = (np.concatenate([part(inputs) for inputs, _ in of_size]) for of_size in both)
        assert np.array_equal(small, large)
    assert np.array_equal(both[1][0][0]["image"][:, 0, 0, 0], np.arange(COUNT))
