"""Saliency as tf-keras-vis defines it: how much each pixel of a network's input matters to its logit.

A method takes a network to logits [batch, 1] and its inputs, float32 [n, height, width, 3], and returns maps, float32
[n, height, width]: not negative, and in the network's own units. tf-keras-vis would stretch each map to [0, 1], which
subtracts its smallest value and so makes it look less dispersed than it is. Its gradients, which it takes operation by
operation, are compiled here: in half the time, to the same result.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from scipy.ndimage import zoom

# SmoothGrad's noise, as a share of an image's range.
SAMPLES, NOISE = 20, 0.2
_BATCH = 100 * 32 * 32  # pixels


def vanilla_gradient(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The gradient's absolute value, by colour the largest (section 4.6 of the paper)."""
    return np.abs(_gradients(network, inputs)).max(-1)


def smoothgrad(network: keras.Model, inputs: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same of the mean gradient over noisy copies of an image, as Smilkov et al. define it.

    tf-keras-vis by itself averages absolute values, in which the noise does not cancel out, and draws from NumPy's
    global generator, which other threads use. The noise of an image follows from the seed and its place among `inputs`.
    """
    generator = np.random.RandomState(seed)

    def mean(batch: np.ndarray) -> np.ndarray:
        spread = NOISE * np.ptp(batch, (1, 2, 3), keepdims=True)
        copies = batch + generator.normal(0, spread, (SAMPLES, *batch.shape)).astype(np.float32)
        return _gradients(network, copies.reshape(-1, *batch.shape[1:])).reshape(copies.shape).mean(0)

    return np.abs(_by_batch(mean, inputs)).max(-1)


def grad_cam(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """The last convolution's evidence for the predicted class; zero everywhere where there is none."""
    evidence = _compiled_evidence(network)
    maps = _by_batch(lambda batch: evidence(batch).numpy(), inputs)
    return zoom(maps, np.divide(inputs.shape[:3], maps.shape), order=1)


METHODS: dict[str, Callable[[keras.Model, np.ndarray], np.ndarray]] = {
    "vanilla_gradient": vanilla_gradient,
    "smoothgrad": smoothgrad,
    "grad_cam": grad_cam,
}


def _gradients(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Of each input's logit: float32, of the shape of `inputs`."""
    gradient = _compiled_gradient(network)
    return _by_batch(lambda batch: gradient(batch).numpy(), inputs)


def _compiled(compile: Callable[[keras.Model], Callable]) -> Callable[[keras.Model], Callable]:
    """What is compiled for the last two networks is kept: a classifier and its twin with random weights."""
    return functools.lru_cache(maxsize=2)(
        lambda network: tf.function(
            compile(network), input_signature=[tf.TensorSpec(network.input_shape, tf.float32)], autograph=False
        )
    )


@_compiled
def _compiled_gradient(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda batch: tf.gradients(network(batch, training=False), batch)[0]


@_compiled
def _compiled_evidence(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Grad-CAM in the size of the last convolution. A positive logit speaks for FAKE, a negative one for REAL."""
    last = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    with_last = keras.Model(network.inputs, [network.outputs[0], last.output])

    def evidence(batch: tf.Tensor) -> tf.Tensor:
        logits, seen = with_last(batch, training=False)
        weights = tf.reduce_mean(tf.gradients(tf.abs(logits), seen)[0], (1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * seen, -1))

    return evidence


def _by_batch(explain: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> np.ndarray:
    most = max(1, _BATCH // int(np.prod(inputs.shape[1:3])))
    batches = np.split(inputs, range(most, len(inputs), most))
    return np.concatenate([explain(batch) for batch in batches]).astype(np.float32)
