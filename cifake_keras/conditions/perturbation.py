"""The perturbation of section 4.2, as batched TensorFlow operations: random resized crop, blur, brightness.

Cropping, resizing and blurring are linear and separable, so each image's whole chain is one matrix for its
rows and one for its columns. All chance comes in as numbers (`draws`), so that the same draws give the same
images on any device, in any batch.
"""

import math

import numpy as np
import tensorflow as tf

from cifake_keras.protocol import IMAGE_SIZE, PERTURBATION

# Of an image: whether at all, aspect ratio, top, left, brightness.
DRAWS = 5

_CROP_SIDE = IMAGE_SIZE * math.sqrt(PERTURBATION.crop_area)

# torchvision draws the ratio anew (ten times at most) until the crop fits into the image; drawing
# from the ratios that fit gives the same crops, but for the 0.2% where none of the ten does.
_LOG_RATIO = min(math.log(PERTURBATION.crop_ratio), 2 * math.log((IMAGE_SIZE + 0.5) / _CROP_SIDE) - 1e-6)


def draw(count: int, *key: int) -> np.ndarray:
    """float32 [count, DRAWS], uniform in [0, 1), determined by the integers of `key`."""
    return np.random.default_rng(key).random((count, DRAWS), np.float32)


def crop_boxes(draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Top, left, height and width in whole pixels, float32 [batch] each."""
    stretch = tf.exp(_LOG_RATIO * (draws[:, 1] - 0.5))  # the square root of the aspect ratio
    width = tf.round(_CROP_SIDE * stretch)
    height = tf.round(_CROP_SIDE / stretch)
    top = tf.floor(draws[:, 2] * (IMAGE_SIZE - height + 1))
    left = tf.floor(draws[:, 3] * (IMAGE_SIZE - width + 1))
    return top, left, height, width


def _resampling(start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Bilinear weights [batch, out, in] that stretch [start, start + length) to the whole side."""
    pixels = tf.range(IMAGE_SIZE, dtype=tf.float32)
    start, length = start[:, None], length[:, None]
    centres = start + (pixels + 0.5) * length / IMAGE_SIZE - 0.5
    centres = tf.clip_by_value(centres, start, start + length - 1)
    return tf.nn.relu(1 - tf.abs(centres[:, :, None] - pixels))


def _blur_matrix() -> np.ndarray:
    """[out, in]: a Gaussian along one side, mirrored at the border without repeating the edge pixel."""
    reach = PERTURBATION.blur_taps // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / PERTURBATION.blur_sigma) ** 2)
    mirrored = np.pad(np.eye(IMAGE_SIZE), ((reach, reach), (0, 0)), mode="reflect")
    shifted = (weight * mirrored[i : i + IMAGE_SIZE] for i, weight in enumerate(taps / taps.sum()))
    return sum(shifted).astype(np.float32)


_BLUR = _blur_matrix()
_IDENTITY = np.eye(IMAGE_SIZE, dtype=np.float32)


def perturb(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Perturbs, with the probability of the protocol, each image on its own.

    images: float32 [batch, 32, 32, 3] in [0, 1]. draws: float32 [batch, DRAWS] uniform in [0, 1).
    Returns the same shape and range. The order is crop, blur, brightness.
    """
    top, left, height, width = crop_boxes(draws)
    chosen = draws[:, :1, None] < PERTURBATION.probability
    # An image that stays as it is goes through identities, which are exact: cheaper than choosing among images.
    rows = tf.where(chosen, _BLUR @ _resampling(top, height), _IDENTITY)
    columns = tf.where(chosen, _BLUR @ _resampling(left, width), _IDENTITY)
    factor = tf.where(chosen[:, 0], 1 + PERTURBATION.brightness * (2 * draws[:, 4:] - 1), 1.0)
    perturbed = tf.einsum("byi,bijc->byjc", rows, images)
    perturbed = tf.einsum("bxj,byjc->byxc", columns * factor[:, :, None], perturbed)
    return tf.clip_by_value(perturbed, 0.0, 1.0)
