"""Verdicts follow their rule: each word where it is due, and a prediction that holds one study in 95 of 100."""

import itertools

import numpy as np
import pytest

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.evaluation.statistics import Estimate
from cifake_keras.evaluation.verdicts import Reproduction, judge, predict
from cifake_keras.protocol import Counts, Draw
from cifake_keras.runtime.errors import UserError

QUESTIONS = protocol.QUESTIONS["phase1"]


def measured(value: float, error: float) -> Estimate:
    """With so many degrees of freedom that t is normal."""
    return Estimate(value, 0, error**2, 0, 5, 10_000, 10_000)


def words(*differences: Estimate) -> list[str]:
    return [verdict.word for verdict in judge(dict(zip(QUESTIONS, differences, strict=False)), QUESTIONS)]


def test_each_word_where_it_is_due():
    better, worse = measured(0.05, 0.01), measured(-0.05, 0.01)
    equal, open_ = measured(0.001, 0.01), measured(0.01, 0.01)
    assert words(better, worse, equal, open_) == ["better", "worse", "equal", "not shown"]
    assert words(measured(0.0035, 0.01), measured(0.0036, 0.01)) == ["equal", "not shown"], "0.02 - 1.645 x 0.01"


def test_a_significant_difference_wins_over_a_small_one():
    (verdict,) = judge({QUESTIONS[0]: measured(-0.01, 0.001)}, QUESTIONS)
    assert verdict.word == "worse" and verdict.within_margin


def test_holm_counts_the_questions_without_an_answer():
    difference = measured(0.025, 0.01)
    assert difference.p_value < 0.05
    (verdict,) = judge({QUESTIONS[0]: difference}, QUESTIONS)
    assert verdict.p_holm == pytest.approx(12 * difference.p_value) and verdict.word == "not shown"


def test_the_questions_name_what_there_is():
    assert len(set(QUESTIONS)) == 12
    for question in itertools.chain.from_iterable(protocol.QUESTIONS.values()):
        assert {question.a.condition, question.b.condition} <= protocol.CONDITIONS.keys()
        assert {question.a.classifier, question.b.classifier} <= protocol.CLASSIFIERS.keys()
        assert question.metric in METRICS and question.metric in protocol.MARGINS


LABELS = np.repeat([protocol.REAL, protocol.FAKE], (400, 200))
COUNTS = Counts((Draw("photographs", 500),), (Draw("fakes", 300), Draw("others", 100)))


def study(chance: np.random.Generator, seeds: int, labels: np.ndarray) -> np.ndarray:
    """bool [seeds, images]: photographs right in 9 of 10 cases, fakes in 6, a seed 0.05 more or less."""
    rates = np.where(labels == protocol.REAL, 0.9, 0.6) + 0.05 * np.clip(chance.normal(size=(seeds, 1)), -2, 2)
    return chance.random((seeds, len(labels))) < rates


def test_a_prediction_holds_one_study_of_other_counts_in_95_of_100_cases():
    chance = np.random.default_rng(0)
    theirs = np.repeat([protocol.REAL, protocol.FAKE], (500, 400))
    held = []
    for _ in range(2000):
        predicted = predict(study(chance, 5, LABELS), LABELS, COUNTS)
        held.append(Reproduction(study(chance, 1, theirs).mean(), predicted).word == "reproduced")
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_the_class_mix_is_the_papers():
    correct = np.stack([LABELS == protocol.REAL] * 2)
    predicted = predict(correct, LABELS, COUNTS)
    assert predicted.value == pytest.approx(5 / 9)
    assert Reproduction(0.6, predicted).word == "not reproduced"
    with pytest.raises(UserError, match="One seed does not tell how much seeds differ"):
        predict(correct[:1], LABELS, COUNTS)
