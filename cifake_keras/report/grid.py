"""The grid as a table: a row a finished cell, test set and evaluation, with every metric.

A metric that newer code has is computed of a cell's predictions, or of its scores where it has been examined; these are
kept as float16 logits, so that it is good to three digits. Where there is neither, its field is empty.
"""

import math
from collections.abc import Iterator

import pandas as pd

from cifake_keras.evaluation.metrics import METRICS, Metric
from cifake_keras.records import predictions
from cifake_keras.records.examined import Examined
from cifake_keras.records.finished import FinishedCell, Recorded
from cifake_keras.records.predictions import Scored


def table(phase: list[FinishedCell], examined: Examined | None) -> pd.DataFrame:
    """Of the finished cells of a phase, and what there is of their examination."""
    return pd.DataFrame([row for done in phase for row in _rows(done, examined)])


def _rows(done: FinishedCell, examined: Examined | None) -> Iterator[dict[str, object]]:
    cell, scored = done.cell, _scored(done, examined)
    names = {"preset": done.preset, "phase": cell.phase, "condition": cell.condition, "classifier": cell.classifier}
    training = {name: getattr(done, name) for name in ("kernel", "selection", "n_train", "n_validation")}
    training["validation_accuracy"] = done.validation_accuracy
    settings = {name: getattr(done.hyperparameters, name) for name in ("learning_rate", "l2", "epochs", "batch_size")}
    for test, evaluations in done.tests.items():
        for evaluation, recorded in evaluations.items():
            row = {"seed": cell.seed, "test_set": test, "evaluation": evaluation}
            yield names | row | _metrics(recorded, scored.get((test, evaluation))) | training | settings


def _scored(done: FinishedCell, examined: Examined | None) -> dict[tuple[str, str], Scored]:
    """What a cell said of its test images, if that is needed."""
    every = (recorded for evaluations in done.tests.values() for recorded in evaluations.values())
    if all(METRICS.keys() <= recorded.keys() for recorded in every):
        return {}
    return predictions.read(done.folder) | (examined.scored(done.cell) if examined else {})


def _metrics(recorded: Recorded, scored: Scored | None) -> dict[str, float]:
    """What was recorded counts: it is of higher precision."""
    measured = {
        name: recorded[name] if name in recorded else _computed(metric, scored, recorded["threshold"])
        for name, metric in METRICS.items()
    }
    counts = {name: int(recorded[name]) for name in ("n_real", "n_fake")}
    return measured | {"threshold": recorded["threshold"]} | counts


def _computed(metric: Metric, scored: Scored | None, threshold: float) -> float:
    value = metric.of(*scored, threshold) if scored else None
    return math.nan if value is None else value
