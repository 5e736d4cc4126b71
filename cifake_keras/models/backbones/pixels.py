"""What backbones have in common: they were trained on larger images than CIFAKE's."""

import tensorflow as tf
from keras import ops

from cifake_keras.models.layers import resizing
from cifake_keras.protocol import IMAGE_SIZE


def enlarged(images: tf.Tensor, side: int) -> tf.Tensor:
    """Images [batch, 32, 32, 3] in [0, 1], bicubic (Keys, a = -1/2, as Pillow's): [batch, side, side, 3] in [0, 1].

    As two matrix products, which every format of a detector has.
    """
    matrix = resizing(IMAGE_SIZE, side, "bicubic")
    wider = ops.einsum("bijc,xj->bixc", images, matrix)
    return ops.clip(ops.einsum("bixc,yi->byxc", wider, matrix), 0.0, 1.0)
