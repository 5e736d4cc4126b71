"""Systems side by side: classifiers behind conditions that were trained and tested on the same images."""

from collections.abc import Iterator

import pandas as pd

from cifake_keras.protocol import ANY, AT_VALIDATION, FIXED, SYSTEMS_PHASE, System
from cifake_keras.records.examined import Examined
from cifake_keras.report.evidence import of_phases, systems
from cifake_keras.report.isolation import Part, matched, part_of, scaled


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """By name; none without rows."""
    return of_phases({"systems": side_by_side}, [phase for phase in phases if phase.phase.name == SYSTEMS_PHASE])


def side_by_side(phase: Examined) -> Iterator[dict]:
    """A row a system, matched: accuracy in-sample, in percent; on each test set beyond the paper, the mean over its
    generators of AUC and of balanced accuracy at the threshold of validation."""
    places = dict(phase.tests())
    in_sample = part_of(phase, places[phase.phase.tests[0].name])
    for system, named in systems(phase):
        for test in (test for test in phase.phase.beyond if test.name in places):
            part = part_of(phase, places[test.name])
            yield {
                **named,
                **_measured(phase, system, in_sample, "accuracy", FIXED),
                "test_set": test.name,
                **_measured(phase, system, part, "auc", ANY),
                **_measured(phase, system, part, "balanced_accuracy", AT_VALIDATION),
                **part.counts,
            }


def _measured(phase: Examined, system: System, part: Part, metric: str, threshold: str) -> dict[str, float]:
    values = matched(phase, system, part, metric, threshold, phase.seeds[system])
    return scaled(metric, part.estimate(metric, values))
