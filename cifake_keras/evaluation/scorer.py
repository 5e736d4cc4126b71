"""Scores of images: what a classifier says of test images on any of the four paths."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from cifake_keras.conditions.path import classifier_input, to_unit
from cifake_keras.conditions.perturbation import perturb
from cifake_keras.protocol import Condition
from cifake_keras.splits import batches
from cifake_keras.splits.composition import ImageSet


class Scorer:
    """Scores images with a condition's networks. autoencoder: needed for the paths that it is part of."""

    def __init__(self, condition: Condition, classifier: keras.Model, autoencoder: keras.Model | None):
        self._condition, self._classifier, self._autoencoder = condition, classifier, autoencoder
        self._on_path: dict[Condition, Callable] = {}

    def __call__(self, images: ImageSet, path: Condition) -> np.ndarray:
        """The logits that `images` are fake after `path`, float32 [len(images)].

        Images that were reconstructed beforehand (float16) have taken it already.
        """
        if path not in self._on_path:
            self._on_path[path] = self._compiled(path)
        score = self._on_path[path]
        return np.concatenate([score(inputs).numpy() for inputs, _ in batches.evaluation_batches(images)])

    def _compiled(self, path: Condition) -> Callable:
        @tf.function(reduce_retracing=True)
        def score(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
            images = inputs["image"]
            if images.dtype == tf.uint8:
                images = to_unit(images)
                if path.perturbed:
                    images = perturb(images, inputs["draws"])
                images = classifier_input(images, self._condition, self._autoencoder, path)
            return self._classifier(images, training=False)[:, 0]

        return score
