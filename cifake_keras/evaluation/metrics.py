"""The metrics of scores: an entry each. The positive class is FAKE. Imports no TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn import metrics as sk

from cifake_keras.evaluation.statistics import Estimate, auc_values, estimate, evenly
from cifake_keras.protocol import FAKE, REAL, THRESHOLD

ECE_BINS = 15

# labels, int [n], 0 REAL or 1 FAKE; probability_fake, float [n]; the threshold from which on FAKE is said.
Of = Callable[[np.ndarray, np.ndarray, float], float | None]

# correct, bool [seeds, n], whether each decision is right; labels, int [n].
OfDecisions = Callable[[np.ndarray, np.ndarray], Estimate | None]

# logits, float [seeds, n]; fake, bool [n]; thresholds, float [seeds], in logits; weights, float [n]. Gives values,
# [seeds, n], whose weighted mean over images is the metric of a seed.
Values = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """title: its heading. of: its value, None where a class is missing that it needs. digits: after the point.

    percent: whether tables of accuracies show it as a percentage. estimate: its mean over seeds with an interval, None
    where it hangs on more than decisions. values: of its images, None where it is no mean over them of both classes;
    evenly: whether these weigh by class and generator (`statistics.evenly`), or alike.
    """

    title: str
    of: Of
    digits: int = 3
    percent: bool = False
    estimate: OfDecisions | None = None
    values: Values | None = None
    evenly: bool = True


def metrics(labels: np.ndarray, probability_fake: np.ndarray, threshold: float = THRESHOLD) -> dict[str, float | None]:
    """Every metric of one test set, as fractions, with the threshold and the number of images of each class."""
    measured = {name: metric.of(labels, probability_fake, threshold) for name, metric in METRICS.items()}
    counts = {"n_real": int((labels == REAL).sum()), "n_fake": int((labels == FAKE).sum())}
    return {**measured, "threshold": threshold, **counts}


def estimates(correct: np.ndarray, labels: np.ndarray) -> dict[str, Estimate]:
    """Those metrics that hang on decisions alone, with intervals over seeds and images; none of a missing class.

    correct: bool [seeds, n], whether each decision is right. labels: int [n].
    """
    measured = {name: metric.estimate(correct, labels) for name, metric in METRICS.items() if metric.estimate}
    return {name: value for name, value in measured.items() if value}


def _accuracy(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float:
    return float(sk.accuracy_score(labels, probability_fake >= threshold))


def _balanced_accuracy(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    tpr, tnr = (rate(labels, probability_fake, threshold) for rate in (_tpr, _tnr))
    return None if tpr is None or tnr is None else (tpr + tnr) / 2


def _tpr(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    """The share of fakes caught."""
    return _mean(probability_fake[labels == FAKE] >= threshold)


def _tnr(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    """The share of real images left alone."""
    return _mean(probability_fake[labels == REAL] < threshold)


def _precision(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    """The share of fakes among what is called fake."""
    return _mean(labels[probability_fake >= threshold])


def _f1(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    return float(sk.f1_score(labels, probability_fake >= threshold)) if FAKE in labels else None


def _auc(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    return float(sk.roc_auc_score(labels, probability_fake)) if _both(labels) else None


def _average_precision(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float | None:
    return float(sk.average_precision_score(labels, probability_fake)) if _both(labels) else None


def _nll(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float:
    return float(sk.log_loss(labels, probability_fake.astype(np.float64), labels=[REAL, FAKE]))


def _ece(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float:
    return expected_calibration_error(labels, probability_fake)


def bins(probability_fake: np.ndarray) -> np.ndarray:
    """The bin of each probability, int, of ECE_BINS of equal width."""
    return np.minimum((probability_fake * ECE_BINS).astype(int), ECE_BINS - 1)


def expected_calibration_error(labels: np.ndarray, probability_fake: np.ndarray) -> float:
    """ECE over 15 bins of equal width: the mean distance of the share of fakes from the probability stated."""
    weights = labels - probability_fake.astype(np.float64)
    gaps = np.bincount(bins(probability_fake), weights=weights, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _estimate_balanced(correct: np.ndarray, labels: np.ndarray) -> Estimate | None:
    return estimate(correct, labels, evenly(labels)) if _both(labels) else None


def _estimate_of_class(label: int, correct: np.ndarray, labels: np.ndarray) -> Estimate | None:
    return estimate(correct[:, labels == label]) if label in labels else None


def _right(logits: np.ndarray, fake: np.ndarray, thresholds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (logits >= thresholds[:, None]) == fake


def _places(logits: np.ndarray, fake: np.ndarray, thresholds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return auc_values(logits, fake, weights)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _both(labels: np.ndarray) -> bool:
    return len(np.unique(labels)) == 2


METRICS = {
    "accuracy": Metric("Accuracy", _accuracy, 1, percent=True, estimate=estimate, values=_right, evenly=False),
    "balanced_accuracy": Metric(
        "Balanced accuracy", _balanced_accuracy, 1, percent=True, estimate=_estimate_balanced, values=_right
    ),
    "tpr": Metric("TPR", _tpr, 1, percent=True, estimate=partial(_estimate_of_class, FAKE)),
    "tnr": Metric("TNR", _tnr, 1, percent=True, estimate=partial(_estimate_of_class, REAL)),
    "precision": Metric("Precision", _precision, 1, percent=True),
    "f1": Metric("F1", _f1, 1, percent=True),
    "auc": Metric("AUC", _auc, values=_places),
    "average_precision": Metric("Average precision", _average_precision),
    "nll": Metric("NLL", _nll),
    "ece": Metric("ECE", _ece),
}
