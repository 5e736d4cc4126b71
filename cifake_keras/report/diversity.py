"""Whether a more diverse training set helps: phases that differ only in where their training images come from."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.evaluation import statistics
from cifake_keras.protocol import DIVERSE_PHASES, EQUAL_SIZE, FAKE, MATCHED, NEW_TO_DIVERSE, System
from cifake_keras.records.examined import Examined
from cifake_keras.report.evidence import percent, systems, table
from cifake_keras.report.isolation import Part, part_of, thresholds_of

METRICS = ("auc", "balanced_accuracy")


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """None without rows."""
    frame = table(curve(phases))
    return {"diversity": frame} if len(frame) else {}


def curve(phases: list[Examined]) -> Iterator[dict]:
    """A row a training set, classifier and condition: the mean over generators that no training set has, matched.

    AUC and balanced accuracy (at the threshold of validation) in percent, and the differences from the first training
    set, CIFAKE alone, on the same images and seeds; p-values are not corrected.
    """
    by_name = {phase.phase.name: phase for phase in phases}
    examined = [by_name[phase.name] for phase in DIVERSE_PHASES if phase.name in by_name]
    for phase in (phase for phase in examined if EQUAL_SIZE.name in dict(phase.tests())):
        for system, named in systems(phase):
            pairs = sum(draw.images for draw in phase.phase.train.real[1:])
            yield named | {"pairs": pairs} | _measured(examined[0], phase, system)


def _measured(base: Examined, phase: Examined, system: System) -> dict[str, float]:
    part, row = _part(phase), dict[str, float]()
    seeds = sorted(set(base.seeds.get(system, ())) & set(phase.seeds[system]))
    for metric in METRICS:
        row |= percent(metric, part.estimate(metric, _values(phase, part, system, metric, phase.seeds[system])))
        if seeds and phase is not base:
            own, other = (_values(of, _part(of), system, metric, seeds) for of in (phase, base))
            change = statistics.difference(own, other, part.generators, part.weights(metric), part.groups)
            row |= percent(f"{metric}_difference", change) | {f"{metric}_p": change.p_value}
    return row | part.counts


def _part(phase: Examined) -> Part:
    """The photographs of the test set of equal size, and the fakes of the generators that no training set has."""
    places = dict(phase.tests())[EQUAL_SIZE.name]
    sources = phase.images["source"].iloc[places]
    new = (phase.labels[places] != FAKE) | sources.isin(NEW_TO_DIVERSE)
    return part_of(phase, places[new.to_numpy()])


def _values(phase: Examined, part: Part, system: System, metric: str, seeds: list[int]) -> np.ndarray:
    """float [seeds, images]."""
    of = [phase.seeds[system].index(seed) for seed in seeds]
    logits = phase.logits(system, protocol.path_name(system.condition, MATCHED))[:, part.places]
    return part.values(metric, logits[of], thresholds_of(phase, system, MATCHED)[of])
