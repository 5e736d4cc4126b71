"""What backbones have in common: they were trained on larger images than CIFAKE's."""

import functools

import numpy as np
import tensorflow as tf
from keras import ops

from cifake_keras.protocol import IMAGE_SIZE


def enlarged(images: tf.Tensor, side: int) -> tf.Tensor:
    """Images [batch, 32, 32, 3] in [0, 1], bicubic (Keys, a = -1/2, as Pillow's): [batch, side, side, 3] in [0, 1].

    As two matrix products, which every format of a detector has.
    """
    matrix = bicubic(IMAGE_SIZE, side)
    wider = ops.einsum("bijc,xj->bixc", images, matrix)
    return ops.clip(ops.einsum("bixc,yi->byxc", wider, matrix), 0.0, 1.0)


@functools.cache
def bicubic(old: int, new: int) -> np.ndarray:
    """float32 [new, old]: the matrix that resizes one side."""
    with tf.init_scope():
        whole = np.eye(old, dtype=np.float32)[:, :, None]
        return tf.image.resize(whole, (new, old), "bicubic", antialias=True).numpy()[:, :, 0]
