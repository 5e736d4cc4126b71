"""What the study says of its questions and of the paper's numbers, by the rule of docs/protocol.md."""

from collections.abc import Iterator

import pandas as pd

from cifake_keras import protocol
from cifake_keras.evaluation import statistics, verdicts
from cifake_keras.evaluation.statistics import Estimate
from cifake_keras.protocol import MATCHED, Question, System
from cifake_keras.records.examined import Examined
from cifake_keras.report.evidence import common_seeds, of_phases
from cifake_keras.report.isolation import matched, part_of

# The paper's own network.
CLASSIFIER = next(iter(protocol.CLASSIFIERS))


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """By name; none without rows."""
    studied = [phase for phase in phases if phase.preset != "demo"]
    return of_phases({"verdicts": judged, "reproductions": reproduced}, studied)


def judged(phase: Examined) -> Iterator[dict]:
    """A row a question that has an answer: a minus b in points, of AUC in hundredths, and the word for it."""
    family = protocol.QUESTIONS.get(phase.phase.name, ())
    differences = {question: of for question in family if (of := _difference(phase, question))}
    for verdict in verdicts.judge(differences, family):
        yield {
            "phase": phase.phase.name,
            **_named(verdict.question),
            "difference": 100 * verdict.difference.value,
            "difference_half_width": 100 * verdict.difference.half_width,
            "seeds": verdict.difference.seeds,
            "p": verdict.difference.p_value,
            "p_holm": verdict.p_holm,
            "p_margin": verdict.p_margin,
            "verdict": verdict.word,
            "within_margin": "yes" if verdict.within_margin else "no",
        }


def _named(question: Question) -> dict[str, str]:
    """Its columns: of a and b the condition, and the classifier."""
    a, b = question.a, question.b
    return {
        **{"a": a.condition, "b": b.condition, "classifier_a": a.classifier, "classifier_b": b.classifier},
        **{"test_set": question.test_set, "metric": question.metric, "threshold": question.threshold},
    }


def _difference(phase: Examined, question: Question) -> Estimate | None:
    """None where the conditions have no seed in common, or the test set or the scores are not there."""
    places = dict(phase.tests()).get(question.test_set)
    a, b = question.a, question.b
    seeds = common_seeds(phase, a, b)
    if places is None or not seeds or not all(phase.has(system, _path(system)) for system in (a, b)):
        return None
    part = part_of(phase, places)
    values_a, values_b = (matched(phase, system, part, question.metric, question.threshold, seeds) for system in (a, b))
    return statistics.difference(values_a, values_b, part.generators, part.weights(question.metric), part.groups)


def _path(system: System) -> str:
    return protocol.path_name(system.condition, MATCHED)


def reproduced(phase: Examined) -> Iterator[dict]:
    """A row a number of the paper that can be compared: ours, the prediction interval, and the word for it."""
    counts = {
        test.name: test.counts for of in protocol.PAPER_PHASES for test in of.tests if of.name == phase.phase.name
    }
    for condition, accuracies in protocol.PAPER_ACCURACY.get(phase.phase.name, {}).items():
        system = System(CLASSIFIER, condition)
        several = len(phase.seeds.get(system, ())) > 1 and phase.has(system, _path(system))
        for test, places in phase.tests() if several else ():
            if test in accuracies:
                correct = phase.correct(system, _path(system))[:, places]
                predicted = verdicts.predict(correct, phase.labels[places], counts[test])
                yield {
                    "phase": phase.phase.name,
                    "condition": condition,
                    "test_set": test,
                    "paper": accuracies[test],
                    "predicted": 100 * predicted.value,
                    "predicted_half_width": 100 * predicted.half_width,
                    "seeds": predicted.seeds,
                    "verdict": verdicts.Reproduction(accuracies[test] / 100, predicted).word,
                }
