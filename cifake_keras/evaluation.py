"""Scores of images: probability_fake, under either evaluation."""

import keras
import numpy as np
import tensorflow as tf

from cifake_keras import pipeline
from cifake_keras.conditions import detector, to_unit
from cifake_keras.perturbations import perturb
from cifake_keras.protocol import Condition
from cifake_keras.splits import ImageSet


class Scorer:
    """Scores images with a condition's networks.

    Evaluation "matched" perturbs the images where the condition perturbs, as in the paper; "clean" does not.
    """

    def __init__(self, condition: Condition, classifier: keras.Model, autoencoder: keras.Model | None):
        self._condition = condition
        self._model = detector(condition, classifier, autoencoder)

    def __call__(self, images: ImageSet, evaluation: str) -> np.ndarray:
        """probability_fake, float32 [len(images)]."""
        perturbing = evaluation == "matched" and self._condition.perturbed
        batches = pipeline.evaluation_batches(images)
        return np.concatenate([self._score(inputs, perturbing).numpy() for inputs, _ in batches])

    @tf.function(reduce_retracing=True)
    def _score(self, inputs: dict[str, tf.Tensor], perturbing: bool) -> tf.Tensor:
        images = to_unit(inputs["image"])
        if perturbing:
            images = perturb(images, inputs["draws"])
        return tf.sigmoid(self._model(images, training=False))[:, 0]
