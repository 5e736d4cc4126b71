"""What systems cost: training counts what a cell needs besides."""

import costs
import pandas as pd
import pytest

from cifake_keras.protocol import CONDITIONS
from cifake_keras.records.cells import METRICS, Cell, step_folder
from cifake_keras.runtime import files


def write_seed(results_dir, condition, seed, seconds, of_autoencoder):
    cell = {"seed": seed, "n_train": 1000, "seconds": seconds}
    files.write_json(Cell("diverse0", condition, "paper", seed).folder(results_dir) / METRICS, cell)
    files.write_json(step_folder(results_dir, "diverse0", "autoencoder", seed) / METRICS, {"seconds": of_autoencoder})


@pytest.mark.parametrize("name, seconds", [("baseline", 20), ("autoencoded", 21), ("autoencoder_augmented", 21)])
def test_training_is_the_median_cell_with_the_autoencoder_that_it_needs(tmp_path, name, seconds):
    for seed, (of_cell, of_autoencoder) in enumerate([(10, 9), (20, 1), (25, 1)], 1):
        write_seed(tmp_path, name, seed, of_cell, of_autoencoder)
    system = pd.Series({"phase": "diverse0", "classifier": "paper", "condition": name})
    assert costs.trained(tmp_path, system, CONDITIONS[name]) == (1000, seconds)
