"""One small cell from images to SavedModel, in this process; test_grid has all conditions, as a user runs them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from support import output_of, picture, refused

from cifake_keras import load_detector
from cifake_keras.detector import model_card
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files
from cifake_keras.sources import reading
from cifake_keras.study import examination
from cifake_keras.study.settings import Settings

CELL = Cell("phase1", "perturbed", "bird_lotfi", 1)
WANTED = ("--phase", CELL.phase, "--condition", CELL.condition, "--classifier", CELL.classifier, "--seed", 1)


def run_grid(data_dir, results):
    """The arguments of the command that makes the study, or finds it done."""
    folders = ("--data-dir", data_dir, "--results-dir", results, "--saved-models-dir", results / "saved_models")
    return "run-grid", *WANTED, "--no-sweep", "--epochs", 10, "--precision", "float32", *folders


@pytest.fixture(scope="module")
def study(data_dir, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    output_of(*run_grid(data_dir, root))
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


@pytest.fixture
def damaged(study, tmp_path):
    """A copy of the study, to be damaged: its results folder."""
    return shutil.copytree(study, tmp_path / "results")


def test_predictions_that_were_cut_are_refused(data_dir, damaged):
    path = CELL.folder(damaged) / cells.PREDICTIONS
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-20]))
    for line in (("tables", "--results-dir", damaged), run_grid(data_dir, damaged)):
        assert "predictions.csv has changed since it was written; put it back" in refused(*line)


def test_a_savedmodel_that_lost_a_file_is_exported_anew(data_dir, damaged):
    lost = damaged / "saved_models" / CELL.phase / CELL.condition / "variables" / "variables.index"
    lost.unlink()
    output_of(*run_grid(data_dir, damaged))
    assert lost.exists()


def test_a_savedmodel_of_other_results_is_left_alone(data_dir, damaged):
    path = damaged / "saved_models" / CELL.phase / CELL.condition / model_card.MODEL_CARD
    for text in (path.read_text().replace('"seed": 1', '"seed": 7'), "no card"):
        path.write_text(text)
        assert f"was not made from {damaged}" in refused(*run_grid(data_dir, damaged))
        assert path.read_text() == text
    output_of(*run_grid(data_dir, damaged), "--force")
    assert files.read_json(path)["seed"] == 1


def test_a_cell_whose_metrics_say_nothing_is_refused(data_dir, damaged):
    (CELL.folder(damaged) / cells.METRICS).write_text("{}")
    assert "metrics.json is not what a finished run writes" in refused(*run_grid(data_dir, damaged))


def test_an_examination_that_was_changed_is_refused(data_dir, damaged):
    """What an examination writes last, by hand: examining takes long."""
    settings = Settings("available", data_dir, damaged).as_recorded(cells.read_config(CELL.folder(damaged)))
    (task,) = examination.tasks([CELL], settings)
    files.write_json(task.folder / cells.CONFIG, task.config())
    files.write_text(task.folder / cells.DISPERSION, "method,image\n")
    line = ("examine", *WANTED, "--data-dir", data_dir, "--results-dir", damaged)
    files.write_json(task.folder / cells.METRICS, {"seconds": 1.5, **cells.digests(task.folder)})
    assert "1 cells examined before, 0 to examine" in output_of(*line)
    files.write_text(task.folder / cells.DISPERSION, "method\n")
    assert "dispersion.csv has changed since it was written" in refused(*line)
    (task.folder / cells.METRICS).write_text("{}")
    assert "metrics.json is not what a finished run writes" in refused(*line)
