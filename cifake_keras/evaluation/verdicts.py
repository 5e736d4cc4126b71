"""What the study says of its questions, by the rule in docs/protocol.md. Imports no TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cifake_keras.evaluation.statistics import Estimate, estimate, holm
from cifake_keras.protocol import CLASSES, MARGINS, SIGNIFICANCE, Counts, Question
from cifake_keras.runtime.errors import UserError


@dataclass(frozen=True)
class Verdict:
    """What is said of a question. difference: a minus b, a fraction. p_holm: its p-value, corrected over the family.

    p_margin: of the difference being as large as the margin. word: "better" or "worse", of a; "equal"; "not shown".
    """

    question: Question
    difference: Estimate
    p_holm: float
    p_margin: float
    word: str

    @property
    def within_margin(self) -> bool:
        """Whether the difference is smaller than the margin; one that is "better" or "worse" may be."""
        return self.p_margin < SIGNIFICANCE


def judge(differences: Mapping[Question, Estimate], family: Sequence[Question]) -> list[Verdict]:
    """A verdict for each question of the family that has a difference, a minus b; Holm counts the others too."""
    p_values = [differences[question].p_value if question in differences else 1.0 for question in family]
    adjusted = zip(family, holm(np.array(p_values)), strict=True)
    return [_verdict(question, differences[question], p) for question, p in adjusted if question in differences]


def _verdict(question: Question, difference: Estimate, p_holm: float) -> Verdict:
    """A difference that is significant is not "equal", however small."""
    p_margin = difference.p_beyond(MARGINS[question.metric])
    if p_holm < SIGNIFICANCE:
        word = "better" if difference.value > 0 else "worse"
    else:
        word = "equal" if p_margin < SIGNIFICANCE else "not shown"
    return Verdict(question, difference, float(p_holm), p_margin, word)


@dataclass(frozen=True)
class Reproduction:
    """Whether an accuracy of the paper is reproduced, a fraction. predicted: one study of the paper's size."""

    paper: float
    predicted: Estimate

    @property
    def word(self) -> str:
        low, high = self.predicted.interval
        return "reproduced" if low <= self.paper <= high else "not reproduced"


def predict(correct: np.ndarray, labels: np.ndarray, counts: Counts) -> Estimate:
    """The accuracy of one more seed on new images, `counts` of each class; its interval is a prediction interval.

    correct: bool [seeds, images]. labels: int [images]. To the variance of our mean come that of one seed and, with
    the degrees of freedom of our images, the binomial one of the new images. The paper's rounding, to 0.1 points, adds
    0.03 points of standard deviation and is left out. Raises UserError with one seed, and where a class has one image.
    """
    if len(correct) < 2:
        raise UserError("One seed does not tell how much seeds differ: run a second one to compare with the paper.")
    sizes = np.array([sum(draw.images for draw in counts.of(label)) for label in range(len(CLASSES))])
    shares = sizes / sizes.sum()
    mean = estimate(correct, labels, (shares / np.bincount(labels, minlength=len(CLASSES)))[labels])
    rates = np.array([correct[:, labels == label].mean() for label in range(len(CLASSES))])
    new_images = float(np.sum(shares**2 * rates * (1 - rates) / sizes))
    return replace(mean, by_seeds=mean.by_seeds + mean.seed_variance, by_images=mean.by_images + new_images)
