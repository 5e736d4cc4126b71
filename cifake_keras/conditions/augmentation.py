"""An autoencoder as augmentation: in training, a share of the images gives way to its reconstructions, labels kept.

Stanciu and Ionescu, Autoencoder-based Data Augmentation for Deepfake Detection, ICMR 2023 (doi
10.1145/3592572.3592840), section 3.
"""

from collections.abc import Callable

import tensorflow as tf

from cifake_keras.protocol import Augmentation


def apply(
    images: tf.Tensor, draws: tf.Tensor, network: Callable[[tf.Tensor], tf.Tensor], settings: Augmentation
) -> tf.Tensor:
    """Each image, or with the chance of the settings its reconstruction."""
    return tf.where(draws[:, :, None, None] < settings.share, network(images), images)
