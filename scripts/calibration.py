"""How sure detectors are to be of pictures of unknown origin, by what they said of families of fakes left out."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

from cifake_keras.evaluation.metrics import expected_calibration_error
from cifake_keras.evaluation.operating_points import operating_points


def temperature(labels: np.ndarray, margins: np.ndarray) -> float:
    """What margins are divided by, so that the probabilities are likeliest. Both classes count alike."""
    share = np.bincount(labels)[labels]
    found = minimize_scalar(
        lambda power: log_loss(labels, expit(margins / np.exp(power)), sample_weight=1 / share), bounds=(-1, 4)
    )
    return float(np.exp(found.x))


def calibrated(labels: np.ndarray, margins: np.ndarray, divisor: float) -> dict:
    """For a model card: where verdicts begin, the temperature, and the calibration error before and after."""
    before, after = expit(margins), expit(margins / divisor)
    return {
        "verdicts": operating_points(labels, after),
        "calibration": {
            "temperature": round(divisor, 4),
            "ece_before": round(expected_calibration_error(labels, before), 4),
            "ece_after": round(expected_calibration_error(labels, after), 4),
        },
    }
