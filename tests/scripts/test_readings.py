"""scripts/readings.py: each reading changes what it says, and nothing else."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import readings
import tensorflow as tf
from click.testing import CliRunner

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.conditions.perturbation import draw, perturb
from cifake_keras.evaluation import scorer
from cifake_keras.records import cells

CHOSEN, EACH_OPERATION, LINEAR_LATENT, SEED_1 = readings.READINGS


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 32, 32, 3), np.float32)


def test_each_operation_is_chosen_for_itself_four_times_in_five():
    count = 50_000
    chosen = np.stack([decision.numpy() for decision in readings.decisions(tf.constant(draw(count, 1)))])
    for pattern in np.ndindex(2, 2, 2):
        expected = math.prod(0.8 if chosen_one else 0.2 for chosen_one in pattern)
        share = (chosen == np.array(pattern, bool)[:, None]).all(axis=0).mean()
        assert abs(share - expected) < 4 * math.sqrt(expected / count), pattern


def test_the_chosen_reading_is_the_packages_own():
    with readings.read_as(CHOSEN):
        assert path.perturb is scorer.perturb is perturb


def test_all_operations_together_are_the_perturbation_and_none_leaves_the_image():
    images, drawn = noise(2_000), tf.constant(draw(2_000, 2))
    number = sum(decision.numpy().astype(int) for decision in readings.decisions(drawn))
    with readings.read_as(EACH_OPERATION):
        assert path.perturb is scorer.perturb
        changed = path.perturb(images, drawn).numpy()
    assert np.allclose(changed[number == 3], perturb(images, drawn).numpy()[number == 3], atol=1e-6)
    assert np.array_equal(changed[number == 0], images[number == 0]) and (number == 0).any()


def test_a_single_operation_is_that_one_alone():
    """Brightness is a factor for all pixels, grey images show neither crop nor blur, and blur smooths noise."""
    images, drawn = noise(2_000) / 2, tf.constant(draw(2_000, 3))
    crop, blur, brighten = (decision.numpy() for decision in readings.decisions(drawn))
    changed = readings.perturb_each(images, drawn).numpy()
    alone = brighten & ~crop & ~blur
    assert np.allclose(changed[alone], images[alone] * (0.5 + drawn.numpy()[alone, 4])[:, None, None, None], atol=1e-6)
    grey = readings.perturb_each(np.full_like(images, 0.4), drawn).numpy()
    assert np.allclose(grey[~brighten], 0.4, atol=1e-6)
    still = blur & ~crop & ~brighten
    roughness = [np.abs(np.diff(of[still], axis=1)).mean() for of in (changed, images)]
    assert roughness[0] < roughness[1] / 2


def latent(network: keras.Sequential, images: np.ndarray) -> np.ndarray:
    layer = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))
    return keras.Model(network.inputs, layer.output).predict(images, verbose=0)


def test_the_latent_has_negative_values_without_its_relu_alone():
    images = 2 * noise(8) - 1
    chosen = latent(models.autoencoder(), images)
    with readings.read_as(LINEAR_LATENT):
        linear = latent(models.with_precision(models.autoencoder(), "float32"), images)
    assert chosen.shape == linear.shape == (8, 2048)
    assert linear.min() < 0 and np.allclose(np.maximum(linear, 0), chosen, atol=1e-5)
    assert latent(models.autoencoder(), images).min() == 0, "the package is what it was"


def test_a_difference_is_that_from_the_chosen_reading():
    labels = np.repeat(["REAL", "FAKE"], 500)
    chosen = pd.DataFrame({0: np.arange(1_000) % 2 == 0}, index=labels)
    better = chosen | pd.DataFrame({0: np.arange(1_000) % 20 == 1}, index=labels)
    assert readings.accuracy(better) == "55.0"
    assert readings.difference(better, chosen) == "+5.0 ± 1.4", "1.96 * sqrt(0.05 * 0.95 / 1000)"
    assert readings.difference(chosen, better) == "-5.0 ± 1.4"


@pytest.fixture(scope="module")
def done(data_dir, tmp_path_factory) -> Path:
    """Two readings of one condition, which is all that a test has time for."""
    results_dir = tmp_path_factory.mktemp("readings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "READINGS", (CHOSEN, SEED_1))
        run(data_dir, results_dir)
        yield results_dir


def run(data_dir, results_dir):
    arguments = ["--data-dir", data_dir, "--results-dir", results_dir, "--epochs", 1]
    arguments += ["--condition", "perturbed_autoencoded"]
    result = CliRunner().invoke(readings.main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_the_table_tells_what_the_csv_does(done):
    table = pd.read_csv(done / "readings.csv")
    assert len(table) == 2 * 2 * 2, "readings, test sets, evaluations"
    percent = 100 * table.set_index(["reading", "test_set", "evaluation"])["accuracy"]
    for row in readings.compared("perturbed_autoencoded", done, 1):
        found, chosen = (percent[of, "cifake", row["Evaluation"]] for of in (row["Reading"], "chosen"))
        expected = "" if row["Reading"] == "chosen" else f" ({found - chosen:+.1f} ±"
        assert row["CIFAKE"].startswith(f"{found:.1f}{expected}")
        assert row["CIFAKE"] in (done / "readings.md").read_text()


def test_another_autoencoder_has_other_weights(done):
    errors = [
        pd.read_csv(cells.autoencoder_folder(reading.results_dir(done), "phase1") / cells.HISTORY)["val_loss"].iloc[-1]
        for reading in readings.READINGS
    ]
    assert errors[0] != errors[1]


def test_a_finished_cell_is_not_trained_again(data_dir, done):
    text, metrics = (done / "readings.md").read_text(), list(done.rglob(cells.METRICS))
    times = [path.stat().st_mtime_ns for path in metrics]
    run(data_dir, done)
    assert [path.stat().st_mtime_ns for path in metrics] == times and (done / "readings.md").read_text() == text
