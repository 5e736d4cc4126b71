"""What a network sees of a picture, in TensorFlow: Pillow's resize, to the bit, or the middle of it as it is."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from cifake_keras.protocol import NATIVE

_BITS = 22

_BAND = 2**18  # pixels at a time


class _Kernel(NamedTuple):
    """support: how far from its centre it reaches, in pixels of the smaller image."""

    support: float
    weight: Callable[[tf.Tensor], tf.Tensor]


def _sinc(x: tf.Tensor) -> tf.Tensor:
    turned = 3.141592653589793 * x
    return tf.where(x == 0, tf.ones_like(x), tf.sin(turned) / tf.where(x == 0, tf.ones_like(x), turned))


def _cubic(x: tf.Tensor) -> tf.Tensor:
    x = tf.abs(x)
    return tf.where(x < 1, (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5)


_KERNELS = {
    "box": _Kernel(0.5, lambda x: tf.cast((x > -0.5) & (x <= 0.5), x.dtype)),
    "bilinear": _Kernel(1, lambda x: 1 - tf.abs(x)),
    "bicubic": _Kernel(2, _cubic),
    "lanczos": _Kernel(3, lambda x: _sinc(x) * _sinc(x / 3)),
}


def resize(pixels: tf.Tensor, size: int, kernel: str) -> tf.Tensor:
    """uint8 [height, width, 4], transparency in the last channel, to [size, size, 3] over white.

    kernel: one of `protocol.KERNELS`. To be traced with AutoGraph.
    """
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    # Each pass rounds, so that their order shows; this is Pillow 13's.
    if height > size and height - size > 2 * (width - size):
        resized = tf.transpose(_passes(tf.transpose(pixels, [1, 0, 2]), size, kernel), [1, 0, 2])
    else:
        resized = _passes(pixels, size, kernel)
    return resized


def middle(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 [height, width, 4] to uint8 [at most 512, at most 512, 3] over white, as `detector.pictures` has it.

    To be traced with AutoGraph.
    """
    block, sides = tf.constant(1), tf.shape(pixels)[:2]
    while tf.reduce_min(sides) // block > NATIVE.most:
        block *= 2
    kept = tf.minimum(sides // block, NATIVE.side)
    first = block * ((sides // block - kept) // 2)
    last = first + block * kept
    part = _over_white(pixels[first[0] : last[0], first[1] : last[1]])
    while block > 1:
        tf.autograph.experimental.set_loop_options(shape_invariants=[(part, tf.TensorShape([None, None, 3]))])
        part = (part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2] + 2) // 4
        block //= 2
    return tf.cast(part, tf.uint8)


def _passes(pixels: tf.Tensor, size: int, kernel: str) -> tf.Tensor:
    """The first pass takes some rows at a time, as large images would not fit in memory as integers."""
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    rows = tf.maximum(_BAND // width, 1)
    across, down = _weights(width, size, kernel), _weights(height, size, kernel)
    bands = tf.TensorArray(tf.uint8, 0, dynamic_size=True, infer_shape=False, element_shape=[None, size, 3])
    for top in tf.range(0, height, rows):
        bands = bands.write(bands.size(), _narrowed(_over_white(pixels[top : top + rows]), across))
    low = _narrowed(tf.cast(tf.transpose(bands.concat(), [1, 0, 2]), tf.int32), down)
    return tf.transpose(low, [1, 0, 2])


def _over_white(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 [height, width, 4] to int32 [height, width, 3], with the rounding of Pillow's alpha_composite."""
    colour, alpha = tf.cast(pixels[..., :3], tf.int32), tf.cast(pixels[..., 3:], tf.int32)
    if tf.reduce_any(alpha < 255):
        blended = 128 * (colour * alpha + 255 * (255 - alpha)) + 2**14
        colour = tf.bitwise.right_shift(tf.bitwise.right_shift(blended, 8) + blended, 15)
    return colour


def _narrowed(levels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """int32 [height, width, 3] to uint8 [height, outputs, 3]. weights: [outputs, width]."""
    sums = tf.einsum("hwc,ow->hoc", levels, weights) + 2 ** (_BITS - 1)
    return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(sums, _BITS), 0, 255), tf.uint8)


def _weights(inputs: tf.Tensor, outputs: int, kernel: str) -> tf.Tensor:
    """int32 [outputs, inputs]: how much each input counts, in parts of 2 ** 22."""
    scale = tf.cast(inputs, tf.float64) / outputs
    centre = (tf.range(outputs, dtype=tf.float64)[:, None] + 0.5) * scale
    place = tf.range(tf.cast(inputs, tf.float64), dtype=tf.float64)[None]
    if kernel == "nearest":
        return tf.cast(place == tf.floor(centre), tf.int32) * 2**_BITS
    support, weight = _KERNELS[kernel]
    spread = tf.maximum(scale, 1)
    first, end = (tf.floor(centre + side * support * spread + 0.5) for side in (-1, 1))
    weights = weight((place - centre + 0.5) * (1 / spread))
    weights = tf.where((place >= first) & (place < end), weights, tf.zeros_like(weights))
    weights *= 1 / tf.reduce_sum(weights, 1, keepdims=True) * 2**_BITS
    return tf.cast(tf.sign(weights) * tf.floor(tf.abs(weights) + 0.5), tf.int32)
