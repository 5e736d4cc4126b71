"""Metrics of scores. The positive class is FAKE. Imports no TensorFlow."""

import numpy as np
from sklearn import metrics as sk

from cifake_keras.protocol import FAKE, REAL, THRESHOLD

ECE_BINS = 15


def metrics(labels: np.ndarray, probability_fake: np.ndarray, threshold: float = THRESHOLD) -> dict[str, float | None]:
    """The metrics of one test set, as fractions; None where a class is missing that the metric needs.

    labels: int [n], 0 REAL or 1 FAKE. probability_fake: float [n]; FAKE is said from `threshold` on.
    """
    said_fake = probability_fake >= threshold
    real, fake = labels == REAL, labels == FAKE
    tpr = _mean(said_fake[fake])
    tnr = _mean(~said_fake[real])
    both = real.any() and fake.any()
    return {
        "accuracy": float(sk.accuracy_score(labels, said_fake)),
        "balanced_accuracy": (tpr + tnr) / 2 if both else None,
        "tpr": tpr,
        "tnr": tnr,
        "auc": float(sk.roc_auc_score(labels, probability_fake)) if both else None,
        "average_precision": float(sk.average_precision_score(labels, probability_fake)) if both else None,
        "nll": float(sk.log_loss(labels, probability_fake.astype(np.float64), labels=[REAL, FAKE])),
        "ece": expected_calibration_error(labels, probability_fake),
        "threshold": threshold,
        "n_real": int(real.sum()),
        "n_fake": int(fake.sum()),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def expected_calibration_error(labels: np.ndarray, probability_fake: np.ndarray) -> float:
    """ECE over 15 bins of equal width: the mean distance of the share of fakes from the probability stated."""
    bins = np.minimum((probability_fake * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.bincount(bins, weights=labels - probability_fake.astype(np.float64), minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))
