"""What is written beside a SavedModel about it."""

import numpy as np
import pandas as pd
import pytest
from support import write_cell

from cifake_keras.evaluation import metrics
from cifake_keras.protocol import CLASSES
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.study import publishing


@pytest.fixture
def finished(tmp_path):
    """A cell that was finished before there was the NLL, with its predictions."""
    precision = {"precision": "float32"}
    path = write_cell(tmp_path, missing=("ifv1",), **precision)
    path.write_text(path.read_text().replace('"n_real": 1000, "n_fake": 300', '"n_real": 20, "n_fake": 20'))
    labels = np.repeat([0, 1], 20)
    probability = np.clip(0.3 + 0.4 * labels + np.random.default_rng(0).normal(0, 0.2, 40), 0.01, 0.99).round(6)
    frame = pd.DataFrame({"label": np.array(CLASSES)[labels], "probability_fake": probability})
    parts = [frame.assign(test_set=t, evaluation=e) for t in ("cifake", "sdv15") for e in ("matched", "clean")]
    pd.concat(parts).to_csv(path.parent / cells.PREDICTIONS, index=False)
    return path.parent, labels, probability


def test_a_metric_that_a_cell_lacks_is_computed_from_its_predictions_and_the_others_stay(finished):
    folder, labels, probability = finished
    recorded = files.read_json(folder / cells.METRICS)
    scores = publishing.card_of(folder, recorded)["tests"]["cifake"]["clean"]
    assert "nll" not in recorded["tests"]["cifake"]["clean"]
    assert scores["nll"] == pytest.approx(metrics.metrics(labels, probability)["nll"])
    assert scores["accuracy"] == recorded["tests"]["cifake"]["clean"]["accuracy"]
    low, high = scores["intervals"]["auc"]
    assert low < metrics.metrics(labels, probability)["auc"] < high


def test_a_card_names_the_weights_of_others_and_their_licence(finished):
    folder, *_ = finished
    recorded = files.read_json(folder / cells.METRICS)
    assert "weights" not in publishing.card_of(folder, recorded)
    (weights,) = publishing.card_of(folder, recorded | {"condition": "autoencoder_augmented_taef2"})["weights"]
    assert weights["licence"] == "MIT" and "madebyollin/taesd" in weights["origin"]
    both = recorded | {"condition": "taef2", "classifier": "clip_vit_b16_112_linear"}
    assert [of["name"] for of in publishing.card_of(folder, both)["weights"]] == ["taef2", "clip_vit_b16"]


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda text: text[: text.rindex("FAKE")], "images of a test on 40"),
        (lambda text: text[: text.rindex("AKE")], "is no prediction"),
        (lambda text: text[:20], "no "),
        (lambda text: "", "No columns"),
    ],
)
def test_predictions_that_were_cut_give_no_intervals(finished, cut, reason):
    folder, _, _ = finished
    path = folder / cells.PREDICTIONS
    path.write_text(cut(path.read_text()))
    with pytest.raises(UserError, match=rf"predictions\.csv is not what a finished run writes \(.*{reason}"):
        publishing.card_of(folder, files.read_json(folder / cells.METRICS))
