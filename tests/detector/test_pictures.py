"""What the detector of pictures as they are sees of one: the same by NumPy and in a TensorFlow graph."""

import numpy as np
import pytest
from PIL import Image
from support import noise

from cifake_keras.detector.pictures import middle
from cifake_keras.detector.resizing import middle as in_graph


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), np.uint8)


SIZES = [(64, 64), (512, 512), (513, 300), (1024, 1500), (1025, 1500), (2049, 4099), (1100, 70)]


@pytest.mark.parametrize("height, width", SIZES)
def test_a_graph_sees_the_same(height, width):
    import tensorflow as tf

    image = picture(height, width)
    opaque = np.dstack([image, np.full((height, width), 255, np.uint8)])
    assert np.array_equal(tf.function(in_graph)(tf.constant(opaque)).numpy(), middle(image))


def test_what_is_transparent_is_white():
    import tensorflow as tf

    levels = np.dstack([noise(1, 80), noise(2, 80)[..., :1]])
    over = Image.alpha_composite(Image.new("RGBA", (80, 80), "white"), Image.fromarray(levels)).convert("RGB")
    assert np.array_equal(tf.function(in_graph)(tf.constant(levels)).numpy(), middle(np.asarray(over)))


@pytest.mark.parametrize("height, width", SIZES)
def test_a_middle_is_its_own_middle(height, width):
    seen = middle(picture(height, width))
    assert max(seen.shape) <= 512 and np.array_equal(middle(seen), seen)


def test_a_picture_of_up_to_1024_pixels_is_cut_and_no_more():
    image = picture(1024, 600)
    assert np.array_equal(middle(image), image[256:768, 44:556])


def test_of_a_larger_one_four_pixels_become_their_mean():
    image = picture(2500, 1800)
    means = image.reshape(1250, 2, 900, 2, 3).mean((1, 3))
    assert np.array_equal(middle(image), np.floor(means + 0.5)[369:881, 194:706])
