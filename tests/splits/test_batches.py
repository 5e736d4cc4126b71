"""Batches: every image once an epoch, chance from the seed and the epoch alone."""

import numpy as np
import pandas as pd
import pytest

from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet

COUNT = 23


@pytest.fixture
def images() -> ImageSet:
    """Image i has the value i everywhere; every third is FAKE."""
    pixels = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    labels = (np.arange(COUNT) % 3 == 0).astype(int)
    return ImageSet(pd.DataFrame({"source": "x", "row": np.arange(COUNT), "label": labels}), {"x": pixels})


def epochs(images, batch_size=5, seed=0, count=2):
    for epoch in range(count):
        part = list(batches.training_batches(images, batch_size, seed, epoch))
        assert len(part) == batches.steps(images, batch_size)
        order = np.concatenate([inputs["image"][:, 0, 0, 0] for inputs, _ in part])
        draws = np.concatenate([inputs["draws"] for inputs, _ in part])
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
    whole, rest = (list(batches.training_batches(images, 5, 0, 1, first)) for first in (0, 3))
    assert len(rest) == 2
    for (inputs, labels), (expected, expected_labels) in zip(rest, whole[3:], strict=True):
        assert all(np.array_equal(inputs[key], expected[key]) for key in inputs)
        assert np.array_equal(labels, expected_labels)


def test_evaluation_keeps_the_order_and_does_not_depend_on_the_batch(images):
    both = [list(batches.evaluation_batches(images, size)) for size in (4, 23)]
    for key in ("image", "draws"):
        small, large = (np.concatenate([inputs[key] for inputs, _ in batches]) for batches in both)
        assert np.array_equal(small, large)
    assert np.array_equal(both[1][0][0]["image"][:, 0, 0, 0], np.arange(COUNT))
