"""Bird & Lotfi's topologies (CIFAKE, section V): how good each is on the in-sample test images of a phase."""

from collections.abc import Iterator

import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import CLASSIFIERS, MATCHED, Topology

BASELINE = protocol.REFERENCES[0]
MEASURES = ("validation_accuracy", "accuracy", "precision", "tpr", "f1")

# All but the one that Bird & Lotfi chose.
OTHERS = [name for name, classifier in CLASSIFIERS.items() if classifier.network == "bird_lotfi"]


def table(grid: pd.DataFrame, accuracies: pd.DataFrame) -> pd.DataFrame:
    """A row a topology: MEASURES in percent, the mean over seeds, and the half-width of the accuracy's 95% interval.

    grid: a row a cell, test set and evaluation of one phase. accuracies: the means over its seeds.
    """
    preset, phase = grid[["preset", "phase"]].iloc[0]
    test = protocol.phases(preset)[phase].tests[0].name
    in_sample = {"condition": BASELINE, "evaluation": MATCHED, "test_set": test}
    rows = grid.merge(accuracies[[*in_sample, "classifier", "half_width"]])
    return pd.DataFrame(_rows(phase, rows[rows[[*in_sample]].eq(pd.Series(in_sample)).all(axis=1)]))


def without(accuracies: pd.DataFrame) -> pd.DataFrame:
    """The rows of other classifiers, which 35 topologies would bury; all of them where there is nothing else."""
    others = accuracies[~accuracies["classifier"].isin(OTHERS)]
    return others if len(others) else accuracies


def _rows(phase: str, in_sample: pd.DataFrame) -> Iterator[dict]:
    for classifier, rows in in_sample.groupby("classifier", sort=False):
        topology = CLASSIFIERS[classifier].settings
        if isinstance(topology, Topology):
            layers = vars(topology) | {"units": topology.units if topology.dense else 0}
            means = {name: 100 * rows[name].mean() for name in MEASURES}
            yield {"phase": phase, **layers, "seeds": len(rows), **means, "half_width": rows["half_width"].iloc[0]}
