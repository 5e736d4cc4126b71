"""TensorFlow's operations resize as Pillow does."""

import numpy as np
import pytest

from cifake_keras import protocol
from cifake_keras.sources import reading

SIZES = [(32, 32), (64, 96), (96, 50), (100, 33), (500, 40), (33, 700), (7, 9), (1, 1), (900, 800)]


@pytest.mark.parametrize("kernel", protocol.KERNELS)
def test_every_kernel_is_pillows_to_the_bit(kernel):
    import tensorflow as tf

    from cifake_keras.detector.resizing import resize

    spec = tf.TensorSpec([None, None, 4], tf.uint8)
    resized = tf.function(lambda pixels: resize(pixels, 32, kernel), input_signature=[spec])
    for height, width in SIZES:
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        opaque = np.dstack([image, np.full((height, width), 255, np.uint8)])
        assert np.array_equal(resized(opaque), reading.resize(image, 32, kernel)), (height, width)
