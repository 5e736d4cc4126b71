"""The driver of kills, in short: a study that is stopped ends as if it had not been."""

import os
from pathlib import Path

import kills
import pytest

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.records.cells import METRICS as METRICS_FILE
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files

pytestmark = pytest.mark.slow


CONDITION = "autoencoded"  # which has a network of its own besides


def test_a_study_that_is_stopped_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "TRAINING", [*kills.TRAINING, "--condition", CONDITION])
    result = kills.run(1, 2, 0.002, tmp_path, ("data", "run-grid", "tables"))
    assert result["differences"] == []
    assert sum(result["stops"].values()) > 1 and result["files_of_a_study"] > 50
    # After each command and each kill what there is by then, in the end all; each phase is tested on two paths.
    assert result["compared"]["files"] > result["files_of_a_study"]
    numbers = len(METRICS) + len(("threshold", "n_real", "n_fake"))
    tests = len(protocol.phases("paper")[kills.PHASE].tests)
    assert result["compared"]["metrics"] == result["studies"] * tests * len(protocol.EVALUATIONS) * numbers
    assert result["compared"]["answers"] == result["studies"] * 64


def write_study(folder: Path, accuracy: float, *others: str) -> None:
    """A cell with that accuracy, and further files."""
    cell = Cell(kills.PHASE, "baseline", "paper", 1).folder(folder / "results")
    scores = {"sdv15": {"matched": {"accuracy": accuracy, "auc": 0.7}}}
    files.write_json(cell / METRICS_FILE, {"tests": scores, "seconds": accuracy})
    for name in others:
        files.write_text(folder / name, "")


def test_what_differs_is_found(tmp_path):
    """A number in a cell, a file that the undisturbed study does not have, one that is missing, a cell done twice."""
    write_study(tmp_path / "reference", 0.5, "missing")
    write_study(tmp_path / "killed", 0.6, "more", ".not.to.be.seen", "parts/half.npy", "x.zip.part")
    study = kills.Study(tmp_path / "killed", tmp_path / "reference")
    study.compare_files()
    metrics = f"results/runs/{kills.PHASE}/baseline/paper/seed-1/metrics.json"
    expected = {f"{metrics} after 0 stops", "more after 0 stops"}
    assert set(study.differences) == expected and study.compared == {"files": 2}
    study.compare_ends()
    assert set(study.differences) - expected == {"missing missing", f"{metrics} sdv15.matched.accuracy"}
    assert study.compared == {"files": 2, "metrics": 2, "answers": 0}
    os.utime(tmp_path / "killed" / metrics, (0, 0))
    study.compare_files()
    assert f"{metrics} done twice after 0 stops" in study.differences
