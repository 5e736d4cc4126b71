"""Choose hyper-parameters among candidates, by validation accuracy alone."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cifake_keras import cells, files
from cifake_keras.protocol import Hyperparameters
from cifake_keras.training import Diverged

CANDIDATES = "candidates.csv"


def choose(
    folder: Path,
    config: dict,
    candidates: tuple[Hyperparameters, ...],
    validation_accuracy: Callable[[Hyperparameters], float],
) -> Hyperparameters:
    """The candidate of the best validation accuracy, the first among equals.

    Each candidate is recorded in `folder` when it is done, so that an interrupted sweep goes on where it was. A
    candidate that diverges counts as accuracy 0.
    """
    if not cells.is_done(folder, config):
        _restart_if_changed(folder, config)
        for candidate in candidates[len(_recorded(folder)) :]:
            _record(folder, candidate, _accuracy(candidate, validation_accuracy))
        files.write_json(folder / cells.METRICS, {"chosen": asdict(_best(folder, candidates))})
    return _best(folder, candidates)


def _restart_if_changed(folder: Path, config: dict) -> None:
    path = folder / cells.CONFIG
    if not path.exists() or files.read_json(path) != config:
        (folder / CANDIDATES).unlink(missing_ok=True)
        files.write_json(path, config)


def _accuracy(candidate, validation_accuracy) -> float:
    try:
        return validation_accuracy(candidate)
    except Diverged:
        return 0.0


def _recorded(folder: Path) -> list[dict]:
    path = folder / CANDIDATES
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def _record(folder: Path, candidate: Hyperparameters, accuracy: float) -> None:
    rows = [*_recorded(folder), {**asdict(candidate), "validation_accuracy": accuracy}]
    files.write_text(folder / CANDIDATES, pd.DataFrame(rows).to_csv(index=False))


def _best(folder: Path, candidates: tuple[Hyperparameters, ...]) -> Hyperparameters:
    accuracies = [row["validation_accuracy"] for row in _recorded(folder)]
    return candidates[accuracies.index(max(accuracies))]
