"""The predictions.csv of a cell: what it said of each test image."""

from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.protocol import CLASSES, FAKE
from cifake_keras.records import cells

# The labels of test images, int [n], and probability_fake, float [n].
Scored = tuple[np.ndarray, np.ndarray]


def read(folder: Path) -> dict[tuple[str, str], Scored]:
    """By test set and evaluation; empty where a cell's folder has no predictions, as in results that were copied."""
    if not (folder / cells.PREDICTIONS).exists():
        return {}
    groups = pd.read_csv(folder / cells.PREDICTIONS).groupby(["test_set", "evaluation"])
    return {
        key: ((rows["label"] == CLASSES[FAKE]).to_numpy().astype(int), rows["probability_fake"].to_numpy())
        for key, rows in groups
    }
