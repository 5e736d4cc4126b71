"""One small cell from images to SavedModel, in this process; test_grid has all conditions, as a user runs them."""

import json

import numpy as np
import pandas as pd
import pytest
from support import output_of, picture

from cifake_keras import load_detector
from cifake_keras.records.cells import Cell
from cifake_keras.sources import reading

CELL = Cell("phase1", "perturbed", "bird_lotfi", 1)


@pytest.fixture(scope="module")
def study(data_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    wanted = ("--phase", CELL.phase, "--condition", CELL.condition, "--classifier", CELL.classifier, "--seed", 1)
    folders = ("--data-dir", data_dir, "--results-dir", root, "--saved-models-dir", root / "saved_models")
    output_of("run-grid", *wanted, "--no-sweep", "--epochs", 10, "--precision", "float32", *folders)
    return root


@pytest.fixture(scope="module")
def predictions(study):
    return pd.read_csv(CELL.folder(study) / "predictions.csv")


def test_metrics_are_those_of_the_predictions(study, predictions):
    metrics = json.loads((CELL.folder(study) / "metrics.json").read_text())
    history = pd.read_csv(CELL.folder(study) / "history.csv")
    assert metrics["validation_accuracy"] == pytest.approx(history["val_accuracy"].iloc[-1], abs=0.051)
    assert metrics["validation_accuracy"] > 0.7
    assert metrics["n_train"] == 200 and metrics["hyperparameters"]["epochs"] == 10
    for (test, evaluation), rows in predictions.groupby(["test_set", "evaluation"]):
        right = (rows["probability_fake"] >= 0.5) == (rows["label"] == "FAKE")
        assert metrics["tests"][test][evaluation]["accuracy"] == pytest.approx(right.mean())
    matched, clean = (predictions.query(f"evaluation == '{name}'")["probability_fake"] for name in ("matched", "clean"))
    assert not np.array_equal(matched, clean)


def test_the_savedmodel_answers_what_the_cell_predicted(study, predictions):
    rows = predictions.query("evaluation == 'clean' and generator == 'SDv1.5'")
    numbers = rows["filename"].str.extract(r"(\d+)")[0].astype(int)
    images = [reading.decode(picture(number + 700, True, 96)) for number in numbers]
    answers = load_detector(study / "saved_models" / CELL.phase / CELL.condition).predict(images)
    assert np.abs(answers - rows["probability_fake"]).max() < 1e-3
