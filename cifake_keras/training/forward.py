"""A network's forward pass in training, through operations that are cheaper.

A batch's normalisation is one operation, three times as fast as the several that Keras makes of it. In float32 on a
processor, max pools of stride 1 and ReLUs, and their gradients, are a quarter of a classifier's step, and the products
of wide dense layers take twice what the processor could; XLA does better than TensorFlow's own. In bfloat16 it does
not.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from keras import layers

SIDE = 3  # of the window that is pooled
WIDE = 1024  # the inputs and outputs from which on a dense layer's product is XLA's

_SHIFTS = [(row, column) for row in range(SIDE) for column in range(SIDE)]
_NONE = len(_SHIFTS)


def forward(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """`network(images)`, and its gradient, within float error."""
    if not _is_cheaper(network):
        with _fused_normalisations(network):
            return network(images, training=True)
    remaining = list(network.layers)
    while remaining:
        layer = remaining.pop(0)
        if remaining and _are_fused(layer, remaining[0]):
            remaining.pop(0)
            convolved = tf.nn.conv2d(images, layer.kernel, layer.strides, layer.padding.upper())
            images = relu_pool(convolved, _tensor(layer.bias))
        elif isinstance(layer, layers.Dense) and min(layer.kernel.shape) >= WIDE:
            images = layer.activation(tf.nn.bias_add(product(images, _tensor(layer.kernel)), layer.bias))
        else:
            images = layer(images)
    return images


@contextlib.contextmanager
def _fused_normalisations(network: keras.Model) -> Iterator[None]:
    """While it lasts, the network's normalisations are `_normalised`."""
    normalisations = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    for layer in normalisations:
        layer.call = functools.partial(_normalised, layer)
    try:
        yield
    finally:
        for layer in normalisations:
            del layer.call


def _normalised(layer: layers.BatchNormalization, maps: tf.Tensor, training: bool, mask: None) -> tf.Tensor:
    """What the layer makes of a batch in training, [batch, height, width, channels]; it updates its moments."""
    count = tf.cast(tf.size(maps) / maps.shape[-1], tf.float32)
    normalised, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        maps, _tensor(layer.gamma), _tensor(layer.beta), epsilon=layer.epsilon
    )
    # TensorFlow's variance is that of a sample.
    for moment, of_batch in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
        moment.assign(layer.momentum * moment + (1 - layer.momentum) * of_batch)
    return normalised


def _is_cheaper(network: keras.Model) -> bool:
    on_processor = not tf.config.list_physical_devices("GPU")
    return isinstance(network, keras.Sequential) and network.layers[0].compute_dtype == "float32" and on_processor


def _are_fused(layer: layers.Layer, following: layers.Layer) -> bool:
    """Whether they are a convolution with ReLU, and the pool that `relu_pool` computes."""
    return (
        isinstance(layer, layers.Conv2D)
        and layer.activation is keras.activations.relu
        and isinstance(following, layers.MaxPooling2D)
        and (following.pool_size, following.strides, following.padding) == ((SIDE, SIDE), (1, 1), "same")
    )


def _tensor(variable: keras.Variable) -> tf.Tensor:
    return tf.convert_to_tensor(variable.value)


def _apart(function: Callable) -> Callable:
    """The function, of tensors, traced outside the graph that calls it.

    TensorFlow keeps what a custom gradient refers to for good: a training's graph, and so its weights.
    """
    traced = tf.function(function)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor) -> tf.Tensor:
        with tf.init_scope():
            concrete = traced.get_concrete_function(*(tf.TensorSpec(of.shape, of.dtype) for of in tensors))
        return concrete(*tensors)

    return call


@_apart
@tf.custom_gradient
def product(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The matrix product, float32 [batch, outputs]. Its gradients are products that oneDNN computes fast by itself."""

    def gradients(outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.matmul(outputs, kernel, transpose_b=True), tf.matmul(inputs, outputs, transpose_a=True)

    return _product(inputs, kernel), gradients


@tf.function(jit_compile=True)
def _product(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return inputs @ kernel


@_apart
@tf.custom_gradient
def relu_pool(images: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """max_pool(relu(images + bias)) of the 3x3 pixels around each: float32 [batch, height, width, channels].

    The gradient goes to the first of a window's largest values, row by row, as PyTorch's does.
    """
    pooled, winners = _pool(images, bias)

    def gradients(outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        spread = _spread(outputs, winners)
        return spread, tf.reduce_sum(spread, [0, 1, 2])

    return pooled, gradients


@tf.function(jit_compile=True)
def _pool(images: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Pooled, and int8: which shift of a window has its first largest value, _NONE where none is positive."""
    # A ReLU keeps the order of values. Floats that are not negative are ordered as their bits; others' are negative.
    bits = tf.maximum(tf.bitcast(images + bias, tf.int32), 0)
    largest, winners = tf.zeros_like(bits), tf.fill(tf.shape(bits), tf.constant(_NONE, tf.int8))
    for number, shifted in enumerate(_shifted(bits)):
        winners = tf.where(shifted > largest, tf.constant(number, tf.int8), winners)
        largest = tf.maximum(largest, shifted)
    return tf.bitcast(largest, images.dtype), winners


@tf.function(jit_compile=True)
def _spread(gradients: tf.Tensor, winners: tf.Tensor) -> tf.Tensor:
    """The gradient of the images: each pixel's sum over the windows that it won."""
    spread, nothing = tf.zeros_like(gradients), tf.zeros((), gradients.dtype)
    # A window lies as far to one side of its pixel as the pixel lies to the other side in the window.
    for number, shifted, won in zip(reversed(range(_NONE)), _shifted(gradients), _shifted(winners), strict=True):
        spread += tf.where(won == number, shifted, nothing)
    return spread


def _shifted(images: tf.Tensor) -> Iterator[tf.Tensor]:
    """The images shifted by every place of a window, with zeros beyond their edges."""
    height, width = images.shape[1:3]
    border = SIDE // 2
    padded = tf.pad(images, [[0, 0], [border, border], [border, border], [0, 0]])
    return (padded[:, row : row + height, column : column + width] for row, column in _SHIFTS)
