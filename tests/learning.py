"""What tests of training use: images that are easily told apart, and a training that a signal stops."""

import os
import signal

import numpy as np
import pandas as pd

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
