"""The file of a phase's hardest mistakes: test images that a condition was most confidently wrong on."""

from dataclasses import dataclass

import numpy as np

from cifake_keras import protocol
from cifake_keras.records.arrays import Arrays

MISTAKES = "mistakes.npz"  # in a phase's folder


@dataclass(frozen=True)
class Mistakes(Arrays):
    """M mistakes, by condition and class, the most confident first. What follows is [M] but where it says more.

    test_set: of which all are, untouched; []. conditions, classifiers, seeds: the cell that erred. labels: int, of the
    image. images: uint8 [M, 32, 32, 3]. saliency: uint8 [M, 32, 32], of the gradient through the whole path, 255 where
    it is largest. wrong, tested: int, how many images of the class the cell erred on, of how many that there are.
    """

    test_set: np.ndarray
    conditions: np.ndarray
    classifiers: np.ndarray
    seeds: np.ndarray
    labels: np.ndarray
    wrong: np.ndarray
    tested: np.ndarray
    filenames: np.ndarray
    probability_fake: np.ndarray
    images: np.ndarray
    saliency: np.ndarray

    def check(self) -> None:
        rows, pixels = len(self.conditions), (protocol.IMAGE_SIZE, protocol.IMAGE_SIZE)
        columns = ("classifiers", "seeds", "labels", "wrong", "tested", "filenames", "probability_fake")
        shapes: dict[str, tuple[int, ...]] = {"test_set": (), **dict.fromkeys(columns, (rows,))}
        self.check_shapes(shapes | {"images": (rows, *pixels, 3), "saliency": (rows, *pixels)})
        if not set(self.conditions) <= protocol.CONDITIONS.keys() or not set(self.labels) <= {0, 1}:
            raise ValueError("unknown condition or class")
        if self.images.dtype != np.uint8 or self.saliency.dtype != np.uint8:
            raise ValueError("its pixels are no bytes")
