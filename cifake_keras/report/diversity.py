"""Whether a more diverse training set helps: phases that differ only in where their training images come from."""

from collections.abc import Iterator

import pandas as pd

from cifake_keras.evaluation import statistics
from cifake_keras.protocol import AT_VALIDATION, DIVERSE_PHASES, EQUAL_SIZE, FAKE, NEW_TO_DIVERSE, System
from cifake_keras.records.examined import Examined
from cifake_keras.report.evidence import systems, table
from cifake_keras.report.isolation import Part, matched, part_of, scaled

METRICS = ("auc", "balanced_accuracy")


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """None without rows."""
    frame = table(curve(phases))
    return {"diversity": frame} if len(frame) else {}


def curve(phases: list[Examined]) -> Iterator[dict]:
    """A row a training set, classifier and condition: the mean over generators that no training set has, matched.

    Of what learned from one training set alone there is no curve, and no row.

    AUC, balanced accuracy in percent (at the threshold of validation), and the differences from the first training
    set, CIFAKE alone, on the same images and seeds; p-values are not corrected.
    """
    by_name = {phase.phase.name: phase for phase in phases}
    examined = [by_name[phase.name] for phase in DIVERSE_PHASES if phase.name in by_name]
    for phase in (phase for phase in examined if EQUAL_SIZE.name in dict(phase.tests())):
        pairs = sum(draw.images for draw in phase.phase.train.real[1:])
        for system, named in systems(phase):
            if sum(system in of.seeds for of in examined) > 1:
                yield named | {"pairs": pairs} | _measured(examined[0], phase, system)


def _measured(base: Examined, phase: Examined, system: System) -> dict[str, float]:
    part, row = _part(phase), dict[str, float]()
    seeds = sorted(set(base.seeds.get(system, ())) & set(phase.seeds[system]))
    for metric in METRICS:
        answers = matched(phase, system, part, metric, AT_VALIDATION, phase.seeds[system])
        row |= scaled(metric, part.estimate(metric, answers))
        if seeds and phase is not base:
            own, other = (matched(of, system, _part(of), metric, AT_VALIDATION, seeds) for of in (phase, base))
            change = statistics.difference(own, other, part.generators, part.weights(metric), part.groups)
            row |= scaled(metric, change, f"{metric}_difference") | {f"{metric}_p": change.p_value}
    return row | part.counts


def _part(phase: Examined) -> Part:
    """The photographs of the test set of equal size, and the fakes of the generators that no training set has."""
    places = dict(phase.tests())[EQUAL_SIZE.name]
    sources = phase.images["source"].iloc[places]
    new = (phase.labels[places] != FAKE) | sources.isin(NEW_TO_DIVERSE)
    return part_of(phase, places[new.to_numpy()])
