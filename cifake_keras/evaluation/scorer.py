"""Scores of images: what a classifier says of test images on any path."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cifake_keras.conditions.path import Networks, batch_walk
from cifake_keras.protocol import Range, Steps
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet


class Scorer:
    """Scores images with a classifier that knows images in `range`. networks: those of the steps of all paths."""

    def __init__(self, classifier: keras.Model, networks: Networks, range: Range):
        self._classifier, self._networks, self._range = classifier, networks, range
        self._compiled: dict[tuple[Steps, Steps], Callable] = {}

    def __call__(self, images: ImageSet, path: Steps) -> np.ndarray:
        """The logits that `images` are fake, float32 [n], after `path`, whose first steps they may have taken."""
        key = path, images.steps
        if key not in self._compiled:
            self._compiled[key] = self._compile(*key)
        score = self._compiled[key]
        left = path[len(images.steps) :]
        scored = [score(batch).numpy() for batch, _ in batches.evaluation_batches(images, left)]
        return np.concatenate([np.empty(0, np.float32), *scored])  # there may be no image

    def _compile(self, path: Steps, taken: Steps) -> Callable:
        @tf.function(reduce_retracing=True)
        def score(batch: dict) -> tf.Tensor:
            images = batch_walk(batch, path, self._networks, self._range, taken)
            return self._classifier(images, training=False)[:, 0]

        return score
