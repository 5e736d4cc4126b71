"""What scripts/autoencoders.py says of reconstructions whose distance and spectrum are known."""

import autoencoders
import pytest
from learning import image_set
from scipy.ndimage import gaussian_filter

from cifake_keras.audit.measures import SPECTRUM


def test_distance_and_spectrum_of_known_changes():
    images = autoencoders.drawn(image_set(12), 4)
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    originals = autoencoders.unit(images)
    made = dict.fromkeys(autoencoders.STEPS, originals + 0.1) | {"TAEF2": gaussian_filter(originals, (0, 1, 1, 0))}
    table = autoencoders.fidelity(images, made | {autoencoders.DETOUR: originals})
    rows = table.set_index(["reconstruction", "beside", "class"])
    shifted = rows.loc["the paper's autoencoder", "the image", "FAKE"]
    assert shifted["mse"] == pytest.approx(0.01) and shifted["psnr"] == pytest.approx(20)
    blurred, own = (rows.loc[name, "the image", "REAL"][SPECTRUM] for name in ("TAEF2", "the image"))
    assert blurred.iloc[-1] < own.iloc[-1] - 2 and blurred.iloc[0] == pytest.approx(own.iloc[0], rel=0.01)
    assert "| 20.0" in autoencoders.text(table, 8, 1)
    assert len(autoencoders.shown(images, made).axes) == 8 * 4 and len(autoencoders.spectra(table).axes) == 2
