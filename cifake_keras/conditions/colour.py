"""Changes of colour that tell nothing of an image's origin: saturation, contrast, brightness, in that order.

Of an image the draws are how far each of them goes.
"""

import tensorflow as tf

from cifake_keras.protocol import Colour

_LUMINANCE = (0.299, 0.587, 0.114)  # of ITU-R BT.601, as in JPEG


def apply(images: tf.Tensor, draws: tf.Tensor, network: None, settings: Colour) -> tf.Tensor:
    """Changes each image on its own, by factors uniform around one."""
    reach = tf.constant([settings.saturation, settings.contrast, settings.brightness])
    factors = 1 + reach * (2 * draws - 1)
    saturation, contrast, brightness = (factors[:, place, None, None, None] for place in range(3))
    grey = tf.reduce_sum(images * tf.constant(_LUMINANCE), axis=3, keepdims=True)
    saturated = grey + saturation * (images - grey)
    mean = tf.reduce_mean(grey, axis=(1, 2), keepdims=True)
    return tf.clip_by_value(brightness * (mean + contrast * (saturated - mean)), 0.0, 1.0)
