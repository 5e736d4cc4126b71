"""Mirroring left to right, of half of the images. Of an image the draw is whether."""

import tensorflow as tf


def apply(images: tf.Tensor, draws: tf.Tensor, network: None, settings: None) -> tf.Tensor:
    """Mirrors each image on its own."""
    return tf.where(draws[:, 0, None, None, None] < 0.5, images[:, :, ::-1], images)
