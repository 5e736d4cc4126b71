"""The logits of the detector of 32 px, and what its model card says."""

import numpy as np
import pandas as pd
from learning import image_set
from make_detector import counted, moved, scored

from cifake_keras import models
from cifake_keras.protocol import KERNELS
from cifake_keras.splits.composition import ImageSet

IMAGES = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)


def test_logits_are_moved_and_divided():
    network = models.build("lite", seed=1)
    expected = (network(IMAGES).numpy() - 0.7) / 3
    np.testing.assert_allclose(moved(network, 0.7, 3.0)(IMAGES), expected, atol=1e-5)


def test_a_picture_that_is_there_under_all_kernels_is_one():
    first = ImageSet(pd.DataFrame({"source": "CIFAKE", "label": [0, 1, 1]}), {})
    stores = [f"VOC, {kernel}" for kernel in KERNELS for _ in range(2)]
    native = ImageSet(pd.DataFrame({"source": stores, "label": 0, "kernel": np.repeat(KERNELS, 2)}), {})
    found = counted({"train": [first, native], "validation": [first]})
    assert (found["n_train"], found["n_validation"]) == (5, 3)
    assert found["data"][1] == {"name": "VOC", "splits": {"train": {"REAL": 2}}}


def test_a_card_has_rates_at_one_half_with_intervals():
    images = image_set(40)
    network = moved(models.build("lite", seed=1), 1e9, 1.0)  # calls nothing a fake
    found = scored(network, {"sdv15": images})["sdv15"]["clean"]
    assert (found["tpr"], found["tnr"], found["n_real"] + found["n_fake"]) == (0, 1, 40)
    assert set(found["intervals"]) >= {"accuracy", "tpr", "tnr"}
