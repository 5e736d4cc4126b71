"""Altered test images: re-encoded, blurred, with noise, resized. On the host, uint8 to uint8."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from cifake_keras.protocol import IMAGE_SIZE
from cifake_keras.sources.reading import compressed, resize


def alter(images: np.ndarray, family: str, level: float) -> np.ndarray:
    """uint8 [n, 32, 32, 3], a family and level of protocol.ALTERATIONS. The same images give the same result."""
    return _FAMILIES[family](images, level)


def _each(change: Callable[[np.ndarray, int], np.ndarray]) -> Callable[[np.ndarray, float], np.ndarray]:
    """Image by image, where levels are whole numbers."""
    return lambda images, level: np.stack([change(image, int(level)) for image in images])


@_each
def _resize(image: np.ndarray, size: int) -> np.ndarray:
    return resize(resize(image, size, "bilinear"), IMAGE_SIZE, "bilinear")


def _blur(images: np.ndarray, sigma: float) -> np.ndarray:
    return _levels(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="mirror"))


def _noise(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return _levels(images + deviation * noise)


def _levels(images: np.ndarray) -> np.ndarray:
    return np.clip(np.round(images), 0, 255).astype(np.uint8)


_FAMILIES = {"jpeg": _each(compressed), "blur": _blur, "noise": _noise, "resize": _resize}
