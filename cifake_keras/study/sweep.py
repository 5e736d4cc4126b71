"""Choose hyper-parameters among candidates, by validation accuracy alone."""

import math
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cifake_keras.protocol import Hyperparameters
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files

CANDIDATES = "candidates.csv"

# Candidates trained side by side. More would share the perturbation and the autoencoder among more, which 8 make
# cheap already, and leave less to do at the same time.
_TOGETHER = 8


def groups(candidates: tuple[Hyperparameters, ...]) -> list[tuple[Hyperparameters, ...]]:
    """Candidates to train side by side, in groups of about the same size."""
    size = math.ceil(len(candidates) / math.ceil(len(candidates) / _TOGETHER))
    return [candidates[first : first + size] for first in range(0, len(candidates), size)]


def group_title(cell: Cell, group: int, groups: int) -> str:
    """What progress calls a group of candidates; groups count from 1 there."""
    return f"{cell.phase} {cell.condition} {cell.classifier} sweep {group + 1}/{groups}"


def chosen(folder: Path, candidates: tuple[Hyperparameters, ...]) -> Hyperparameters:
    """The candidate of the best validation accuracy, the first among equals.

    Every group must be done. The choice is recorded in `folder`.
    """
    of_groups = {cells.group_folder(folder, number): len(group) for number, group in enumerate(groups(candidates))}
    rows = [row | {"group": path.name} for path, count in of_groups.items() for row in _accuracies(path, count)]
    accuracies = [row["validation_accuracy"] for row in rows]
    best = accuracies.index(max(accuracies))
    if not (folder / cells.METRICS).exists():
        files.write_text(folder / CANDIDATES, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
        files.write_json(folder / cells.METRICS, {"chosen": asdict(candidates[best])})
    return candidates[best]


def _accuracies(group: Path, count: int) -> list[dict]:
    """A row for each of the `count` candidates of a finished group."""
    with cells.as_written(group / cells.METRICS):
        rows = cells.read_metrics(group)["accuracy"]
        if len(rows) != count:
            raise ValueError(f"the accuracy of {len(rows)} candidates, not of {count}")
        return [{**row, "validation_accuracy": float(row["validation_accuracy"])} for row in rows]
