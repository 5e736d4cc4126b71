"""The mistakes that are kept to look at are the most confident ones, and the images are theirs."""

import numpy as np
import pandas as pd
import pytest

from cifake_keras import models, protocol
from cifake_keras.conditions.path import build
from cifake_keras.records import cells, predictions
from cifake_keras.records.mistakes import Mistakes
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.study import mistakes

CONDITION = protocol.CONDITIONS["autoencoded"]
CELL = {"classifier": "bird_lotfi", "seed": 3}
# Of the first images of a class, more than are kept: the least confident first. Of photographs only two.
FAKES = [0.45, 0.4, 0.001, 0.3, 0.2, 0.1]
PHOTOGRAPHS = [0.7, 0.999]


@pytest.fixture
def data(data_dir):
    return composition.compose(protocol.phases("available")["phase1"], "available", data_dir)


@pytest.fixture
def folder(data, tmp_path):
    """A cell's, that is right everywhere but there; with perturbed images it is wrong everywhere."""
    parts = []
    for name, test in data.tests.items():
        probability = np.where(test.labels == protocol.FAKE, 0.9, 0.1)
        for label, told in enumerate((PHOTOGRAPHS, FAKES)):
            probability[np.flatnonzero(test.labels == label)[: len(told)]] = told
        parts.append(predictions.rows(name, protocol.MATCHED, test.examples, 1 - probability))
        parts.append(predictions.rows(name, protocol.CLEAN, test.examples, probability))
    predictions.write(tmp_path, parts)
    return tmp_path


def made(data, folder) -> Mistakes:
    networks = {CONDITION: (models.build("bird_lotfi"), {"autoencoder": build(protocol.AUTOENCODER)})}
    mistakes.make(data, {CONDITION: (folder, CELL)}, networks).write(folder / "mistakes.npz")
    return Mistakes.load(folder / "mistakes.npz")


def test_the_most_confident_mistakes_come_first_with_their_images(data, folder):
    kept = made(data, folder)
    assert kept.probability_fake == pytest.approx([0.999, 0.7, 0.001, 0.1, 0.2, 0.3])
    assert kept.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert (kept.wrong.tolist(), set(kept.tested.tolist())) == ([2, 2, 6, 6, 6, 6], {20})
    assert set(kept.conditions) == {"autoencoded"} and set(kept.seeds) == {3} and str(kept.test_set) == "cifake"
    test = data.tests["cifake"]
    for label, order in enumerate(([1, 0], [2, 5, 4, 3])):
        places = np.flatnonzero(test.labels == label)[order]
        assert np.array_equal(kept.images[kept.labels == label], test.images(places))
        assert kept.filenames[kept.labels == label].tolist() == test.examples["filename"].iloc[places].tolist()
    assert (kept.saliency.min((1, 2)) == 0).all() and (kept.saliency.max((1, 2)) == 255).all()


def test_a_class_without_mistakes_has_none(data, folder):
    path = folder / cells.PREDICTIONS
    frame = pd.read_csv(path)
    frame.loc[frame["label"] == "REAL", "probability_fake"] = 0.1
    frame.to_csv(path, index=False)
    assert made(data, folder).labels.tolist() == [1] * protocol.HARDEST


def test_a_cell_without_predictions_is_named(data, folder):
    (folder / cells.PREDICTIONS).unlink()
    with pytest.raises(UserError, match=r"predictions\.csv"):
        made(data, folder)


def test_pixels_that_are_none_are_refused(data, folder):
    made(data, folder)
    with np.load(folder / "mistakes.npz") as file:
        arrays = dict(file)
    np.savez(folder / "mistakes.npz", **arrays | {"saliency": arrays["saliency"].astype(float)})
    with pytest.raises(UserError, match=r"mistakes\.npz is damaged \(its pixels are no bytes\); delete it"):
        Mistakes.load(folder / "mistakes.npz")
