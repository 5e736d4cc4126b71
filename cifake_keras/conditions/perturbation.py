"""The perturbation of section 4.2, as batched TensorFlow operations: random resized crop, blur, brightness.

Cropping, resizing and blurring are linear and separable, so each image's whole chain is one matrix for its
rows and one for its columns. All chance comes in as numbers (`draws`), so that the same draws give the same
images on any device, in any batch. Of an image they are: whether at all, aspect ratio, top, left, brightness.
"""

import functools
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from cifake_keras.protocol import IMAGE_SIZE, Perturbation

_IDENTITY = np.eye(IMAGE_SIZE, dtype=np.float32)


def apply(images: tf.Tensor, draws: tf.Tensor, network: None, settings: Perturbation) -> tf.Tensor:
    """Perturbs, with the probability of the settings, each image on its own. The order is crop, blur, brightness."""
    top, left, height, width = crop_boxes(draws, settings)
    crop, blur, brighten = decisions(draws, settings)
    side = _together if settings.together else _each
    factor = tf.where(brighten[:, None], 1 + settings.brightness * (2 * draws[:, 4:] - 1), 1.0)
    rows = side(top, height, crop, blur, settings)
    columns = side(left, width, crop, blur, settings)
    perturbed = tf.einsum("byi,bijc->byjc", rows, images)
    perturbed = tf.einsum("bxj,byjc->byxc", columns * factor[:, :, None], perturbed)
    return tf.clip_by_value(perturbed, 0.0, 1.0)


def decisions(draws: tf.Tensor, settings: Perturbation) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Whether to crop, to blur and to change brightness: bool [batch] each; one decision, or three independent ones.

    All are made of one number: what a decision leaves of it is uniform again. So the crop, and how far each operation
    goes, do not depend on `together`.
    """
    if settings.together:
        chosen = draws[:, 0] < settings.probability
        return chosen, chosen, chosen
    crop, blur, brighten = _decided(draws[:, 0], settings.probability)
    return crop, blur, brighten


def _decided(left: tf.Tensor, probability: float) -> Iterator[tf.Tensor]:
    for _ in range(3):
        chosen = left < probability
        yield chosen
        left = tf.where(chosen, left / probability, (left - probability) / (1 - probability))


def crop_boxes(draws: tf.Tensor, settings: Perturbation) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Top, left, height and width in whole pixels, float32 [batch] each."""
    side = IMAGE_SIZE * math.sqrt(settings.crop_area)
    # torchvision draws the ratio anew (ten times at most) until the crop fits into the image; drawing
    # from the ratios that fit gives the same crops, but for the 0.2% where none of the ten does.
    log_ratio = min(math.log(settings.crop_ratio), 2 * math.log((IMAGE_SIZE + 0.5) / side) - 1e-6)
    stretch = tf.exp(log_ratio * (draws[:, 1] - 0.5))  # the square root of the aspect ratio
    width = tf.round(side * stretch)
    height = tf.round(side / stretch)
    top = tf.floor(draws[:, 2] * (IMAGE_SIZE - height + 1))
    left = tf.floor(draws[:, 3] * (IMAGE_SIZE - width + 1))
    return top, left, height, width


def _together(
    start: tf.Tensor, length: tf.Tensor, crop: tf.Tensor, blur: tf.Tensor, settings: Perturbation
) -> tf.Tensor:
    """The matrix of one side, [batch, out, in], of images that are cropped and blurred, or neither."""
    # An image that stays as it is goes through identities, which are exact: cheaper than choosing among images.
    return _either(crop, _blur_matrix(settings) @ _resampling(start, length), _IDENTITY)


def _each(start: tf.Tensor, length: tf.Tensor, crop: tf.Tensor, blur: tf.Tensor, settings: Perturbation) -> tf.Tensor:
    """The matrix of one side, [batch, out, in], of images that are cropped, blurred, both or neither."""
    start, length = tf.where(crop, start, 0.0), tf.where(crop, length, float(IMAGE_SIZE))
    return _either(blur, _blur_matrix(settings), _IDENTITY) @ _resampling(start, length)


def _either(chosen: tf.Tensor, matrices: tf.Tensor, others: np.ndarray) -> tf.Tensor:
    """Of each image one of two matrices, [batch, out, in]; tf.where takes four times as long where it broadcasts."""
    share = tf.cast(chosen, tf.float32)[:, None, None]
    return share * matrices + (1 - share) * others


def _resampling(start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Bilinear weights [batch, out, in] that stretch [start, start + length) to the whole side."""
    pixels = tf.range(IMAGE_SIZE, dtype=tf.float32)
    start, length = start[:, None], length[:, None]
    centres = start + (pixels + 0.5) * length / IMAGE_SIZE - 0.5
    centres = tf.clip_by_value(centres, start, start + length - 1)
    return tf.nn.relu(1 - tf.abs(centres[:, :, None] - pixels))


@functools.cache
def _blur_matrix(settings: Perturbation) -> np.ndarray:
    """[out, in]: a Gaussian along one side, mirrored at the border without repeating the edge pixel."""
    reach = settings.blur_taps // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / settings.blur_sigma) ** 2)
    mirrored = np.pad(np.eye(IMAGE_SIZE), ((reach, reach), (0, 0)), mode="reflect")
    shifted = [weight * mirrored[i : i + IMAGE_SIZE] for i, weight in enumerate(taps / taps.sum())]
    return np.sum(shifted, axis=0).astype(np.float32)
