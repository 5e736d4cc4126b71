"""The predictions.csv of a cell: what it said of each test image."""

from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.protocol import CLASSES, FAKE
from cifake_keras.records import cells
from cifake_keras.runtime.files import write_text

# The labels of test images, int [n], and probability_fake, float [n].
Scored = tuple[np.ndarray, np.ndarray]


def rows(test_set: str, evaluation: str, examples: pd.DataFrame, probability_fake: np.ndarray) -> pd.DataFrame:
    """A row an image of a test set. examples: its images; probability_fake: float [n], in their order."""
    columns = {
        "test_set": test_set,
        "evaluation": evaluation,
        "filename": examples["filename"],
        "label": examples["label"].map(dict(enumerate(CLASSES))),
        "generator": examples["generator"],
        "probability_fake": probability_fake,
    }
    return pd.DataFrame(columns)


def write(folder: Path, parts: list[pd.DataFrame]) -> None:
    """Writes the `rows` of all test sets and evaluations into a cell's folder."""
    write_text(folder / cells.PREDICTIONS, pd.concat(parts).to_csv(index=False, float_format="%.6f"))


def read(folder: Path) -> dict[tuple[str, str], Scored]:
    """By test set and evaluation; empty where a cell's folder has no predictions, as in results that were copied.

    Raises UserError where the file is cut short or holds something else.
    """
    path = folder / cells.PREDICTIONS
    if not path.exists():
        return {}
    with cells.as_written(path):
        table = pd.read_csv(path)
        _check(table)
        groups = table.groupby(["test_set", "evaluation"])
        return {
            key: ((of["label"] == CLASSES[FAKE]).to_numpy().astype(int), of["probability_fake"].to_numpy())
            for key, of in groups
        }


def _check(table: pd.DataFrame) -> None:
    whole = table["label"].isin(CLASSES) & table["probability_fake"].astype(float).between(0, 1)
    if not whole.all():
        raise ValueError(f"row {np.argmin(whole) + 1} is no prediction")
