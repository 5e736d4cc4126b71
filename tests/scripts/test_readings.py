"""scripts/readings.py: what the table says of readings, on a study that a test has time for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import readings
from click.testing import CliRunner

from cifake_keras import protocol
from cifake_keras.records import cells

CONDITION = "perturbed_autoencoded"
OTHER = protocol.READINGS["one_autoencoder"]


def test_each_reading_is_run_on_the_conditions_that_it_touches():
    plain, autoencoded = "perturbed", ["autoencoded", "perturbed_autoencoded"]
    assert [plain, *autoencoded] == readings.CONDITIONS
    touched = {
        name: [condition for condition in readings.CONDITIONS if readings.touches(protocol.READINGS[name], condition)]
        for name in readings.OTHERS
    }
    # The autoencoder learns from perturbed images, so that a reading of the perturbation touches all.
    assert touched == {
        "each_operation": [plain, *autoencoded],
        "linear_latent": autoencoded,
        "one_autoencoder": autoencoded,
    }


def test_a_difference_is_that_from_the_chosen_reading():
    labels = np.repeat(["REAL", "FAKE"], 500)
    chosen = pd.DataFrame({0: np.arange(1_000) % 2 == 0}, index=labels)
    better = chosen | pd.DataFrame({0: np.arange(1_000) % 20 == 1}, index=labels)
    assert readings.accuracy(better) == "55.0"
    assert readings.difference(better, chosen) == "+5.0 ± 1.4", "1.96 * sqrt(0.05 * 0.95 / 1000)"
    assert readings.difference(chosen, better) == "-5.0 ± 1.4"


@pytest.fixture(scope="module")
def done(data_dir, tmp_path_factory) -> Path:
    """The results of two readings of one condition."""
    results_dir = tmp_path_factory.mktemp("readings")
    run(data_dir, results_dir)
    return results_dir


def run(data_dir: Path, results_dir: Path) -> None:
    arguments = ["--data-dir", data_dir, "--results-dir", results_dir, "--epochs", 1]
    arguments += ["--condition", CONDITION, "--reading", OTHER.name]
    result = CliRunner().invoke(readings.main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_the_table_tells_what_the_csv_does(done):
    table = pd.read_csv(done / "readings.csv")
    assert len(table) == 2 * 2 * 2, "readings, test sets, evaluations"
    percent = 100 * table.set_index(["reading", "test_set", "evaluation"])["accuracy"]
    rows = list(readings.compared(CONDITION, done, 1))
    assert len(rows) == 2 * 2, "readings, evaluations"
    for row in rows:
        ours, chosen = (percent[of, "cifake", row["Evaluation"]] for of in (row["Reading"], "chosen"))
        expected = "" if row["Reading"] == "chosen" else f" ({ours - chosen:+.1f} ±"
        assert row["CIFAKE"].startswith(f"{ours:.1f}{expected}")
        assert row["CIFAKE"] in (done / "readings.md").read_text()


@pytest.mark.slow
def test_a_reading_is_recorded_and_makes_another_autoencoder(done):
    for reading in (readings.CHOSEN, OTHER):
        cell = cells.read_config(readings.cells_of(CONDITION, 1)[0].folder(readings.folder(reading, done)))
        assert cell["reading"] == reading.name
    errors = [
        pd.read_csv(cells.step_folder(readings.folder(reading, done), "phase1", "autoencoder", seed) / cells.HISTORY)
        for reading, seed in ((readings.CHOSEN, 1), (OTHER, protocol.SWEEP_SEED))
    ]
    assert errors[0]["val_loss"].iloc[-1] != errors[1]["val_loss"].iloc[-1]


@pytest.mark.slow
def test_a_finished_cell_is_not_trained_again(data_dir, done):
    text, metrics = (done / "readings.md").read_text(), list(done.rglob(cells.METRICS))
    times = [path.stat().st_mtime_ns for path in metrics]
    run(data_dir, done)
    assert [path.stat().st_mtime_ns for path in metrics] == times and (done / "readings.md").read_text() == text
