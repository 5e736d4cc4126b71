"""What images take in training alone: resampling against Pillow, mirrors, colours."""

import numpy as np
import pytest
from PIL import Image

from cifake_keras.conditions import colour, mirroring, resampling
from cifake_keras.protocol import COLOUR, CONDITIONS, EVALUATIONS, MIRRORING, RESAMPLING, Resampling

IMAGES = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
TAKEN, LEFT = 0.0, 0.999


def drawn(*columns: float) -> np.ndarray:
    """The same draws of all images."""
    return np.tile(np.array(columns, np.float32), (len(IMAGES), 1))


def resized(channel: np.ndarray, side: int, kernel: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(channel).resize((side, side), kernel))


@pytest.mark.parametrize("kernel, pillows", [("bicubic", Image.Resampling.BICUBIC), ("area", Image.Resampling.BOX)])
def test_an_image_goes_to_another_size_and_comes_back(kernel, pillows):
    settings = Resampling(smallest=16, largest=16, kernels=(kernel,))
    seen = resampling.apply(IMAGES, drawn(TAKEN, 0.0), None, settings).numpy()
    expected = resized(resized(IMAGES[2, :, :, 1], 16, pillows), 32, Image.Resampling.BILINEAR).clip(0, 1)
    np.testing.assert_allclose(seen[2, :, :, 1], expected, atol=1e-5)


def test_images_that_are_not_resampled_stay_as_they_are_and_others_go_different_ways():
    settings = RESAMPLING.settings
    assert np.array_equal(resampling.apply(IMAGES, drawn(LEFT, 0.5), None, settings), IMAGES)
    ways = [resampling.apply(IMAGES, drawn(TAKEN, way), None, settings).numpy() for way in np.linspace(0, 0.999, 40)]
    # By way of 32 px nothing changes, and hardly anything by way of 64 by the nearest neighbour.
    assert sum(np.abs(way - IMAGES).max() > 0.01 for way in ways) > 35
    assert len({way.tobytes() for way in ways}) > 35


def test_half_of_the_images_are_mirrored():
    draws = np.array([[0.1], [0.6], [0.4], [0.9]], np.float32)
    seen = mirroring.apply(IMAGES, draws, None, MIRRORING.settings).numpy()
    assert np.array_equal(seen[[0, 2]], IMAGES[[0, 2], :, ::-1]) and np.array_equal(seen[[1, 3]], IMAGES[[1, 3]])


def test_colours_move_around_what_they_were():
    quiet = 0.4 + 0.2 * IMAGES  # so that nothing is clipped
    middle = colour.apply(quiet, drawn(0.5, 0.5, 0.5), None, COLOUR.settings)
    np.testing.assert_allclose(middle, quiet, atol=1e-6)
    pale, flat, dark = (
        colour.apply(
            quiet, drawn(*(0.0 if place == which else 0.5 for place in range(3))), None, COLOUR.settings
        ).numpy()
        for which in range(3)
    )
    spread = quiet.std(axis=3).mean()
    np.testing.assert_allclose(pale.std(axis=3).mean(), (1 - COLOUR.settings.saturation) * spread, rtol=1e-4)
    np.testing.assert_allclose(flat.std(), (1 - COLOUR.settings.contrast) * quiet.std(), rtol=0.05)
    np.testing.assert_allclose(dark, (1 - COLOUR.settings.brightness) * quiet, atol=1e-5)


def test_no_test_image_takes_them():
    paths = [CONDITIONS["resampled_coloured"].path(evaluation) for evaluation in EVALUATIONS]
    assert paths == [(), ()]
