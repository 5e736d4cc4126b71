"""Saliency with tf-keras-vis: how much each pixel of a network's input matters to its logit.

A method takes a network to logits [batch, 1] and its inputs, float32 [n, 32, 32, 3], and returns maps, float32
[n, 32, 32]: not negative, and in the network's own units. tf-keras-vis would stretch each map to [0, 1], which
subtracts its smallest value and so makes it look less dispersed than it is.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency

# SmoothGrad's noise, as a share of an image's range.
SAMPLES, NOISE = 20, 0.2
_BATCH = 100


def vanilla_gradient(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The gradient's absolute value, by colour the largest (section 4.6 of the paper)."""
    saliency = Saliency(_functional(network))
    return _by_batch(lambda batch: saliency(_logit, batch, normalize_map=False), inputs)


def smoothgrad(network: keras.Model, inputs: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same of the mean gradient over noisy copies of an image, as Smilkov et al. define it.

    tf-keras-vis by itself averages absolute values, in which the noise does not cancel out, and draws from NumPy's
    global generator, which other threads use. The noise of an image follows from the seed and its place among `inputs`.
    """
    saliency, generator = Saliency(_functional(network)), np.random.RandomState(seed)

    def mean(batch: np.ndarray) -> np.ndarray:
        spread = NOISE * np.ptp(batch, (1, 2, 3), keepdims=True)
        copies = (batch + generator.normal(0, spread, batch.shape).astype(np.float32) for _ in range(SAMPLES))
        options = {"gradient_modifier": None, "keepdims": True, "normalize_map": False}
        return sum(saliency(_logit, copy, **options) for copy in copies) / SAMPLES

    return np.abs(_by_batch(mean, inputs)).max(-1)


def grad_cam(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The last convolution's evidence for the predicted class; zero everywhere where there is none."""
    gradcam = Gradcam(_functional(network))
    return _by_batch(lambda batch: gradcam(_predicted, batch, normalize_cam=False), inputs)


METHODS: dict[str, Callable[[keras.Model, np.ndarray], np.ndarray]] = {
    "vanilla_gradient": vanilla_gradient,
    "smoothgrad": smoothgrad,
    "grad_cam": grad_cam,
}


def _logit(logits: tf.Tensor) -> tf.Tensor:
    return logits[:, 0]


def _predicted(logits: tf.Tensor) -> tf.Tensor:
    """A positive logit is evidence for FAKE, a negative one for REAL."""
    return tf.abs(logits[:, 0])


def _functional(network: keras.Model) -> keras.Model:
    """tf-keras-vis needs attributes that a Sequential lacks."""
    return keras.Model(network.inputs, network.outputs)


def _by_batch(explain: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> np.ndarray:
    batches = np.split(inputs, range(_BATCH, len(inputs), _BATCH))
    return np.concatenate([explain(batch) for batch in batches]).astype(np.float32)
