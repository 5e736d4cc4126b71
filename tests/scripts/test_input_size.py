"""Systems of several input sizes: what they are shown, and how their AUC is averaged over families."""

import numpy as np
import pytest
from input_size import cropped, mean, of_all, resized, sixteen

from cifake_keras.evaluation import statistics
from cifake_keras.sources import reading

PICTURE = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)


def test_views_are_pixels_of_the_picture():
    assert np.array_equal(cropped(64, PICTURE), PICTURE[None, 96:160, 96:160])
    assert np.array_equal(resized(48, PICTURE)[0], reading.resize(PICTURE, 48, "bilinear"))
    assert sixteen(PICTURE).shape == (16, 32, 32, 3) and np.array_equal(sixteen(PICTURE)[5], PICTURE[64:96, 64:96])


def test_logits_of_a_pictures_views_are_averaged():
    views = np.arange(24.0).reshape(3, 4, 2)
    assert np.array_equal(mean(lambda rows: rows.sum(axis=1), views), views.sum(axis=2).mean(axis=1))


def test_the_mean_over_families_is_that_of_their_aucs():
    """Each family's fakes are told from the same photographs by logits of its own."""
    draws, values, areas = np.random.default_rng(0), {}, []
    for family, shift, count in (("near", 0.5, 300), ("far", 2, 100)):
        fake = np.repeat([False, True], [400, count])
        logits = np.where(fake, shift, 0) + draws.normal(size=len(fake))
        (values[family],) = statistics.auc_values(logits[None], fake, statistics.evenly(fake))
        areas.append(np.mean(logits[fake][:, None] > logits[~fake]))
    found = of_all(values, 400)
    assert found["auc"] == pytest.approx(np.mean(areas), abs=1e-4) and 0.01 < found["auc_half_width"] < 0.05
