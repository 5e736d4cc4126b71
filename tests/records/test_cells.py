"""Cells that earlier versions finished stay readable, and a changed setting is never counted as done."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cifake_keras.protocol import AUTOENCODER, CONDITIONS, PAPER_CONDITIONS, PERTURBATION, Perturbation
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("condition", PAPER_CONDITIONS)
def test_a_published_cell_went_through_the_steps_of_its_condition(condition):
    folder = PUBLISHED / "runs" / "phase1" / condition / "paper" / "seed-1"
    config = cells.read_config(folder)
    assert config["steps"] == [step.described() for step in CONDITIONS[condition].seeded(1).steps]
    assert config["scale"] == 1 and config["reading"] == "chosen" and "autoencoder" not in config
    assert cells.is_done(folder, config)


def test_every_published_cell_is_read():
    folders = cells.finished(PUBLISHED)
    assert len(folders) == len(list(PUBLISHED.glob("runs/*/*/*/seed-*/metrics.json"))) >= 90
    assert all("steps" in cells.read_config(folder) for folder in folders)


def test_the_network_of_a_step_too(tmp_path):
    folder = tmp_path / "runs" / "phase1" / "autoencoder"
    recorded = {"phase": "phase1", "autoencoder": {"learning_rate": 1e-3, "l2": 1e-4, "epochs": 5, "batch_size": 128}}
    recorded["autoencoder"]["schedule"] = "constant"
    files.write_json(folder / cells.CONFIG, recorded)
    assert cells.read_config(folder)["step"] == AUTOENCODER.seeded(0).described()


@pytest.mark.parametrize(
    "step",
    [replace(PERTURBATION, settings=Perturbation(blur_sigma=2.0)), replace(PERTURBATION, training_only=True)],
    ids=["a setting", "where it is taken"],
)
def test_a_changed_step_is_named(step, tmp_path):
    published = PUBLISHED / "runs" / "phase1" / "perturbed" / "paper" / "seed-1"
    folder = shutil.copytree(published, tmp_path / "cell")
    config = cells.read_config(folder)
    with pytest.raises(UserError, match=r"made with other settings: steps\.perturbation\.\w+ is"):
        cells.is_done(folder, config | {"steps": [step.described()]})


def test_a_changed_training_of_a_steps_network_is_named(tmp_path):
    published = PUBLISHED / "runs" / "phase1" / "autoencoded" / "paper" / "seed-1"
    folder = shutil.copytree(published, tmp_path / "cell")
    (step,) = CONDITIONS["autoencoded"].seeded(2).steps
    with pytest.raises(UserError, match=r"steps\.autoencoder\.training\.seed is 1 there, 2 now"):
        cells.is_done(folder, cells.read_config(folder) | {"steps": [step.described()]})


@dataclass(frozen=True)
class Sides:
    sides: tuple[int, int] = (8, 16)


def test_settings_that_json_changes_are_recorded_as_json_has_them():
    """A tuple comes back as a list; else a resumed cell would take its own settings for changed ones."""
    assert replace(PERTURBATION, settings=Sides()).described()["sides"] == [8, 16]


FILES = ("history.csv", "predictions.csv", "model.weights.h5", "scores.npz", "dispersion.csv")


def write_files(folder: Path) -> None:
    for name in FILES:
        (folder / name).write_text(f"content of {name}")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_has_changed_since_the_metrics_is_named(tmp_path, name):
    write_files(tmp_path)
    files.write_json(tmp_path / cells.METRICS, {"seconds": 1.5, **cells.digests(tmp_path)})
    cells.check_digests(tmp_path)
    (tmp_path / name).unlink()
    cells.check_digests(tmp_path)  # as in results that were copied without it
    (tmp_path / name).write_text("something else")
    with pytest.raises(UserError, match=rf"{name} has changed since it was written; put it back, or delete .*metrics"):
        cells.check_digests(tmp_path)


def test_files_of_a_cell_that_recorded_no_digests_are_believed(tmp_path):
    write_files(tmp_path)
    files.write_json(tmp_path / cells.METRICS, {"seconds": 1.5})
    cells.check_digests(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "3", '{"seconds": null}', '{"seconds": []}'])
def test_metrics_that_say_nothing_are_refused(tmp_path, text):
    (tmp_path / cells.METRICS).write_text(text)
    with pytest.raises(UserError, match=r"metrics\.json is not what a finished run writes .*; delete .* and run again"):
        cells.read_metrics(tmp_path)
