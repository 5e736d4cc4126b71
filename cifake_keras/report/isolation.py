"""Tables that tell the generator from all else: photographs and fakes of one size, and the way that they took to 32 px.

Rates are percentages, AUC a fraction, both with the half-width of their 95% interval over seeds and images
(`statistics`). FAKE is said from probability 0.5 on, or from the threshold that is best for a seed's validation images.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.evaluation import statistics
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.evaluation.statistics import Estimate
from cifake_keras.protocol import AT_VALIDATION, CLEAN, EVALUATIONS, FAKE, FIXED, MATCHED, REAL, System
from cifake_keras.records.examined import Examined
from cifake_keras.report.evidence import best_threshold, of_phases, systems

# In place of a generator's name: the mean over all of them.
MEAN = "mean"

# How photographs and fakes came to 32 px: from their own size, or by way of 64 px.
ROUTES = DIRECT, DETOUR = ("direct", "detour")


@dataclass(frozen=True)
class Part:
    """Some images of a test set. generators: [n], that of each, one and the same for all photographs."""

    places: np.ndarray
    labels: np.ndarray
    generators: np.ndarray
    groups: np.ndarray

    def values(self, metric: str, logits: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        """float [seeds, n], whose mean with `weights` is the metric. logits: float [seeds, n]."""
        of = METRICS[metric].values
        if of is None:
            raise ValueError(f"{metric} is no mean over images")
        return of(logits, self.labels == FAKE, thresholds, self.weights(metric))

    def weights(self, metric: str) -> np.ndarray:
        """float [n]."""
        if METRICS[metric].evenly:
            return statistics.evenly(self.labels, self.generators)
        return np.ones(len(self.labels))

    @property
    def counts(self) -> dict[str, int]:
        """Of the images of each class."""
        return {"n_real": int((self.labels == REAL).sum()), "n_fake": int((self.labels == FAKE).sum())}

    def estimate(self, metric: str, values: np.ndarray) -> Estimate:
        return statistics.estimate(values, self.generators, self.weights(metric), self.groups)


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """By name; none without rows."""
    return of_phases({"generators": generators, "routes": routes}, phases)


def generators(phase: Examined) -> Iterator[dict]:
    """A row a generator of each test set beyond the paper, against all its photographs, and the mean over them."""
    for (system, named), (test, part) in itertools.product(list(systems(phase)), list(_beyond(phase))):
        for evaluation in EVALUATIONS:
            path = protocol.path_name(system.condition, evaluation)
            if phase.has(system, path):
                logits, thresholds = phase.logits(system, path), thresholds_of(phase, system, evaluation)
                for name, of in _by_generator(part):
                    row = {"test_set": test, "evaluation": evaluation, "generator": name}
                    yield named | row | _measured(of, logits[:, of.places], thresholds)


def routes(phase: Examined) -> Iterator[dict]:
    """A row a kernel and route of the photographs and of the fakes, the mean over generators; clean images."""
    for (system, named), (test, part) in itertools.product(list(systems(phase)), list(_beyond(phase))):
        thresholds = thresholds_of(phase, system, CLEAN)
        for kernel, (of_real, of_fake) in itertools.product(protocol.KERNELS, itertools.product(ROUTES, repeat=2)):
            views = {REAL: _view(phase, system, of_real, kernel), FAKE: _view(phase, system, of_fake, kernel)}
            if all(phase.has(system, view) for view in views.values()):
                real, fake = (phase.logits(system, views[label])[:, part.places] for label in (REAL, FAKE))
                row = {"test_set": test, "kernel": kernel, "photographs": of_real, "fakes": of_fake}
                yield named | row | _measured(part, np.where(part.labels == FAKE, fake, real), thresholds)


def _view(phase: Examined, system: System, route: str, kernel: str) -> str:
    """The view of images that took a route; on the direct one, the kernel of all other views has none of its own."""
    if route != DIRECT:
        return f"{route}-{kernel}"
    view = f"kernel-{kernel}"
    return view if phase.has(system, view) else protocol.path_name(system.condition, CLEAN)


def thresholds_of(phase: Examined, system: System, evaluation: str) -> np.ndarray:
    """float [seeds]: the logit from which on FAKE is said, best for the balanced accuracy on validation images."""
    return np.array(
        [best_threshold(scores.validation_labels, scores.validation[evaluation]) for scores in phase.scores[system]]
    )


def matched(
    phase: Examined, system: System, part: Part, metric: str, threshold: str, seeds: Sequence[int]
) -> np.ndarray:
    """float [seeds, images]: what `Part.values` gives on the path of training; threshold: where FAKE begins."""
    of = [phase.seeds[system].index(seed) for seed in seeds]
    logits = phase.logits(system, protocol.path_name(system.condition, MATCHED))[of][:, part.places]
    chosen = threshold == AT_VALIDATION
    thresholds = thresholds_of(phase, system, MATCHED)[of] if chosen else np.zeros(len(logits))
    return part.values(metric, logits, thresholds)


def part_of(phase: Examined, places: np.ndarray) -> Part:
    """Those images of a phase."""
    labels = phase.labels[places]
    generators = phase.images["source"].to_numpy()[places].astype(object)
    generators[labels == REAL] = ""
    return Part(places, labels, generators, phase.groups[places])


def _beyond(phase: Examined) -> Iterator[tuple[str, Part]]:
    names = {test.name for test in phase.phase.beyond}
    return ((test, part_of(phase, places)) for test, places in phase.tests() if test in names)


def _by_generator(part: Part) -> Iterator[tuple[str, Part]]:
    for name in dict.fromkeys(part.generators[part.labels == FAKE]):
        its = (part.labels == REAL) | (part.generators == name)
        yield name, Part(part.places[its], part.labels[its], part.generators[its], part.groups[its])
    yield MEAN, part


def _measured(part: Part, logits: np.ndarray, thresholds: np.ndarray) -> dict[str, float]:
    """Balanced accuracy at both thresholds, and the AUC, with the numbers of images."""
    at = {FIXED: np.zeros(len(logits)), AT_VALIDATION: thresholds}
    measured: dict[str, float] = {}
    for name, metric, logit in (
        *((f"balanced_accuracy_{choice}", "balanced_accuracy", logit) for choice, logit in at.items()),
        ("auc", "auc", thresholds),
    ):
        measured |= scaled(metric, part.estimate(metric, part.values(metric, logits, logit)), name)
    return measured | part.counts


def scaled(metric: str, estimate: Estimate, name: str = "") -> dict[str, float]:
    """A column with its half-width, in percent or as a fraction as the metric is; `name` in place of the metric's."""
    scale, name = 100 if METRICS[metric].percent else 1, name or metric
    return {name: scale * estimate.value, f"{name}_half_width": scale * estimate.half_width}
