"""Saliency of networks made by hand, of which it is known what they look at."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import NETWORKS
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency

from cifake_keras import models
from cifake_keras.evaluation.saliency import METHODS, NOISE, SAMPLES, grad_cam, smoothgrad, vanilla_gradient
from cifake_keras.protocol import CLASSIFIERS, SALIENCY

# Of others what they see is no image.
ON_PIXELS = [name for name in NETWORKS if not CLASSIFIERS[name].backbone]

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((3, 32, 32, 3), np.float32)
GRADIENTS = pytest.mark.parametrize("method", [vanilla_gradient, smoothgrad])


def linear(weights: np.ndarray) -> keras.Sequential:
    """The logit is the sum of `weights` [32, 32, 3] times the image."""
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    network.set_weights([weights.reshape(-1, 1), np.zeros(1)])
    return network


def bright(weight: float, bias: float = 0) -> keras.Sequential:
    """The logit is `bias` and `weight` for all that is above 0.5 in any colour."""
    layers = [keras.layers.Conv2D(3, 1, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(1)]
    network = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    kernel, above = np.eye(3)[None, None], np.full(3, -0.5)
    network.set_weights([kernel, above, np.full((32 * 32 * 3, 1), weight), np.full(1, bias)])
    return network


@GRADIENTS
def test_the_gradient_of_a_linear_network_is_its_weights(method):
    weights = RANDOM.normal(1, 3, (32, 32, 3)).astype(np.float32)
    maps = method(linear(weights), IMAGES)
    assert maps == pytest.approx(np.stack(3 * [np.abs(weights).max(-1)]), rel=1e-5)


@GRADIENTS
def test_a_network_that_looks_at_a_corner_has_no_gradient_elsewhere(method):
    corner = np.zeros((32, 32, 3), np.float32)
    corner[:8, :8] = 1
    assert ((method(linear(corner), IMAGES) > 0) == (corner[..., 0] > 0)).all()


def test_what_noise_turns_about_cancels_out_in_smoothgrad():
    image = np.full((1, 32, 32, 3), 0.5, np.float32)
    image[:, :16] = 1
    image[:, 0] = 0
    distance = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda x: abs(x - 0.5))])
    network = keras.Sequential([distance, linear(np.ones((32, 32, 3)))])
    found = smoothgrad(network, image)[0]
    assert found[1:16].mean() > 0.9 and found[16:].mean() < 0.5, "noise puts a pixel of 0.5 on either side of the fold"


def test_smoothgrad_can_be_repeated_and_leaves_the_draws_of_others_alone():
    network = models.build("bird_lotfi")
    np.random.seed(1)
    first = smoothgrad(network, IMAGES)
    drawn = np.random.random()
    np.random.seed(1)
    assert drawn == np.random.random()
    assert np.array_equal(smoothgrad(network, IMAGES), first)
    assert not np.allclose(smoothgrad(network, IMAGES, seed=1), first)


@pytest.mark.parametrize("weight", [1, -1], ids=["said FAKE", "said REAL"])
def test_grad_cam_shows_what_speaks_for_the_class_that_the_network_says(weight):
    image = np.full((1, 32, 32, 3), 0.2, np.float32)
    image[:, :8, 24:] = 0.9
    (found,) = grad_cam(bright(weight), image)
    assert (found > 0).sum() == 64 and (found[:8, 24:] > 0).all()


def test_grad_cam_is_zero_where_nothing_speaks_for_the_class():
    assert (grad_cam(bright(-1, bias=1e6), IMAGES) == 0).all()


def of_tf_keras_vis(network: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """The maps by method; SmoothGrad's with the noise of seed 0."""
    network, random = keras.Model(network.inputs, network.outputs), np.random.RandomState(0)
    saliency, spread = Saliency(network), NOISE * np.ptp(images, (1, 2, 3), keepdims=True)
    copies = [images + random.normal(0, spread, images.shape).astype(np.float32) for _ in range(SAMPLES)]
    options = {"gradient_modifier": None, "keepdims": True, "normalize_map": False}
    gradients = [saliency(lambda logits: logits[:, 0], copy, **options) for copy in copies]
    return {
        "vanilla_gradient": saliency(lambda logits: logits[:, 0], images, normalize_map=False),
        "smoothgrad": np.abs(np.mean(gradients, 0)).max(-1),
        "grad_cam": Gradcam(network)(lambda logits: tf.abs(logits[:, 0]), images, normalize_cam=False),
    }


@pytest.mark.parametrize("classifier", ON_PIXELS)
def test_maps_are_those_of_tf_keras_vis(classifier):
    network = models.build(classifier)
    expected = of_tf_keras_vis(network, IMAGES)
    for name, method in METHODS.items():
        scale = expected[name].max()
        assert method(network, IMAGES) / scale == pytest.approx(expected[name] / scale, abs=1e-5), name


@pytest.mark.parametrize("classifier", ON_PIXELS)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_classifier_has_maps_of_the_size_of_its_input(method, classifier):
    maps = method(models.build(classifier), IMAGES)
    assert maps.shape == (3, 32, 32) and maps.dtype == np.float32
    assert (maps >= 0).all() and (maps.max((1, 2)) > 0).all()


@pytest.mark.parametrize("method", [vanilla_gradient, grad_cam])
def test_an_image_has_the_same_map_in_any_batch(method):
    images, network = RANDOM.random((103, 32, 32, 3), np.float32), models.build("bird_lotfi")
    maps = method(network, images)
    assert maps[[0, 99, 102]] == pytest.approx(method(network, images[[0, 99, 102]]), rel=1e-3, abs=1e-6)


def test_every_method_has_a_title():
    assert list(METHODS) == list(SALIENCY)
