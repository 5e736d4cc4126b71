"""Simple measures of images, which may separate fakes without being traces of a generator."""

import numpy as np
import pandas as pd
from scipy import fft, ndimage

from cifake_keras.audit.catalogue import chunks
from cifake_keras.protocol import IMAGE_SIZE
from cifake_keras.splits.composition import ImageSet

# A pixel is grey where its channels differ by at most so many levels.
_GREY = 8

# ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# The distance of each Fourier coefficient from zero frequency, in cycles an image.
_RADII = np.hypot(*np.meshgrid(*[fft.fftfreq(IMAGE_SIZE, 1 / IMAGE_SIZE)] * 2))
_BINS = IMAGE_SIZE // 2 + 1
_HIGH = IMAGE_SIZE // 4

SPECTRUM = [f"spectrum_{radius:02}" for radius in range(_BINS)]
COLOUR = [f"{what}_{channel}" for what in ("mean", "deviation") for channel in ("red", "green", "blue")]
COLOUR += ["colourfulness", "grey_share"]


def measure(images: ImageSet) -> pd.DataFrame:
    """float32, a row an image of 32x32: COLOUR, SPECTRUM, and the following.

    grey, near_grey: 1 where no pixel's channels differ, or none's by more than 8 levels. sharpness: the variance of
    the Laplacian of the luma. high_frequencies: the share of the luma's power, but for its mean, above half the
    Nyquist frequency. Of COLOUR, colourfulness is Hasler and Süsstrunk's, and grey_share the share of pixels whose
    channels differ by at most 8 levels. spectrum_r is the mean log power of the luma at r cycles an image.
    """
    positions = np.arange(len(images))
    return pd.concat([_measure(chunk) for chunk in chunks(images, positions, "Measuring")], ignore_index=True)


def _measure(pixels: np.ndarray) -> pd.DataFrame:
    luma = pixels @ _LUMA
    return pd.DataFrame(_colour(pixels) | _detail(luma)).astype(np.float32)


def _colour(pixels: np.ndarray) -> dict[str, np.ndarray]:
    spread = np.ptp(pixels, axis=-1)
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    moments = [moment(channel, axis=(1, 2)) for moment in (np.mean, np.std) for channel in (red, green, blue)]
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    deviation, mean = (np.hypot(*moment(opponents, axis=(2, 3))) for moment in (np.std, np.mean))
    statistics = [*moments, deviation + 0.3 * mean, (spread <= _GREY).mean(axis=(1, 2))]
    widest = spread.max(axis=(1, 2))
    return dict(zip(COLOUR, statistics, strict=True)) | {"grey": widest == 0, "near_grey": widest <= _GREY}


def _detail(luma: np.ndarray) -> dict[str, np.ndarray]:
    power = np.abs(fft.fft2(luma)) ** 2
    log_power = np.log(power + 1)  # 1: some images are flat
    spectrum = [log_power[:, np.round(_RADII) == radius].mean(axis=1) for radius in range(_BINS)]
    high = power[:, _RADII > _HIGH].sum(axis=1) / (power[:, _RADII > 0].sum(axis=1) + 1)
    laplacian = ndimage.laplace(luma, axes=(1, 2)).var(axis=(1, 2))
    return dict(zip(SPECTRUM, spectrum, strict=True)) | {"high_frequencies": high, "sharpness": laplacian}
