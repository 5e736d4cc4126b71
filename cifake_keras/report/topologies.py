"""Bird & Lotfi's topologies (CIFAKE, section V): how good each is on the in-sample test images of a phase."""

from collections.abc import Iterator

import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import CLASSIFIERS, MATCHED, Topology

BASELINE = protocol.REFERENCES[0]
MEASURES = ("accuracy", "precision", "tpr", "f1")


def table(grid: pd.DataFrame) -> pd.DataFrame:
    """A row a phase and topology: accuracy, precision, recall and F1 in percent, the mean over seeds.

    grid: a row a cell, test set and evaluation; `grid.csv` holds it.
    """
    return pd.DataFrame(_rows(grid[(grid["condition"] == BASELINE) & (grid["evaluation"] == MATCHED)]))


def _rows(grid: pd.DataFrame) -> Iterator[dict]:
    for (preset, phase, classifier), rows in grid.groupby(["preset", "phase", "classifier"], sort=False):
        topology = CLASSIFIERS[classifier].settings
        in_sample = rows[rows["test_set"] == protocol.phases(preset)[phase].tests[0].name]
        if isinstance(topology, Topology) and len(in_sample):
            means = {name: 100 * in_sample[name].mean() for name in MEASURES}
            yield {"phase": phase, **vars(topology), "seeds": len(in_sample), **means}
