"""Metrics against hand-computed values."""

import numpy as np
import pytest

from cifake_keras.evaluation.metrics import expected_calibration_error, metrics


def test_metrics_of_a_hand_computed_example():
    labels = np.array([0, 0, 0, 1, 1])
    found = metrics(labels, np.array([0.1, 0.4, 0.7, 0.5, 0.2], np.float32))
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["tnr"] == pytest.approx(2 / 3) and found["tpr"] == pytest.approx(1 / 2), "0.5 is called FAKE"
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["auc"] == pytest.approx(3 / 6), "3 of 6 pairs of a real and a fake are in order"
    assert (found["n_real"], found["n_fake"]) == (3, 2)


def test_a_missing_class_gives_none_rather_than_a_number():
    found = metrics(np.zeros(4, int), np.array([0.1, 0.2, 0.6, 0.3], np.float32))
    assert found["tpr"] is None and found["auc"] is None and found["tnr"] == pytest.approx(3 / 4)


def test_ece_is_nought_when_calibrated_and_the_gap_when_not():
    labels = np.array([0, 1] * 50)
    assert expected_calibration_error(labels, np.full(100, 0.5)) == pytest.approx(0)
    assert expected_calibration_error(labels, np.full(100, 0.9)) == pytest.approx(0.4)
    assert expected_calibration_error(np.array([0, 1]), np.array([0.0, 1.0])) == pytest.approx(0)
