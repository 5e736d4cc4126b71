"""What tests of training use: images that are easily told apart, and a training that a signal stops."""

import os
import signal

import keras
import numpy as np
import pandas as pd
import parity

from cifake_keras import models
from cifake_keras.protocol import Hyperparameters
from cifake_keras.splits.composition import ImageSet


def image_set(count: int) -> ImageSet:
    """Bright fakes, dark photographs."""
    labels = np.arange(count) % 2
    pixels = np.random.default_rng(count).integers(0, 128, (count, 32, 32, 3)) + 100 * labels[:, None, None, None]
    examples = pd.DataFrame({"source": "x", "row": np.arange(count), "label": labels})
    return ImageSet(examples, {"x": pixels.astype(np.uint8)})


def candidate(learning_rate=1e-3, l2=1e-4):
    return Hyperparameters(learning_rate, l2, epochs=3, batch_size=16)


class Stopping:
    """Images of which the n-th reading ends the process, as `kill` would."""

    def __init__(self, images: np.ndarray, readings: int):
        self.images, self.dtype, self.left = images, images.dtype, readings

    def __getitem__(self, rows):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGTERM)
        return self.images[rows]


def stopping(images: ImageSet, readings: int) -> ImageSet:
    return ImageSet(images.examples, {"x": Stopping(images.stores["x"], readings)})


FIXTURE = np.load(parity.FIXTURE)


def from_pytorch(network: keras.Sequential, weights: list[np.ndarray], flattened: dict, unflattened: dict):
    """Sets weights that are in PyTorch's layout.

    flattened, unflattened: of a dense layer's number, the [height, width, channels] that its inputs, or outputs,
    have as an image: PyTorch counts channels first, Keras last.
    """
    layers = [layer for layer in network.layers if layer.weights]
    for i, layer in enumerate(layers):
        kernel, bias = weights[2 * i : 2 * i + 2]
        if kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0)
        else:
            kernel = kernel.T
            if i in flattened:
                kernel = kernel[channels_last(flattened[i])]
            if i in unflattened:
                order = channels_last(unflattened[i])
                kernel, bias = kernel[:, order], bias[order]
        layer.set_weights([kernel, bias])
    return network


def channels_last(shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    return np.arange(height * width * channels).reshape(channels, height, width).transpose(1, 2, 0).ravel()


def paper() -> keras.Sequential:
    return from_pytorch(models.build("paper"), parity.parameters(parity.CLASSIFIER, 1), {2: (32, 32, 32)}, {})
