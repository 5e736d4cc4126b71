"""The four paths of an image to the classifier, as part of the model's step.

tf.data's own map functions stay on the host; a layer runs where the model runs.
"""

import keras
import tensorflow as tf

from cifake_keras.conditions.perturbation import perturb
from cifake_keras.protocol import Condition


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """uint8 [0, 255] to float32 [0, 1]."""
    return tf.cast(images, tf.float32) / 255


def classifier_input(
    images: tf.Tensor, condition: Condition, autoencoder: keras.Model | None, path: Condition | None = None
) -> tf.Tensor:
    """A path's deterministic part: float32 [batch, 32, 32, 3] in [0, 1] to what the condition's classifier sees.

    That is [0, 1] without, [-1, 1] with the autoencoder, whose output goes to the classifier as it is. path: the
    condition's own unless another is given, whose images are brought to the range that the classifier knows.
    """
    path = path or condition
    if path.autoencoded:
        reconstructions = autoencoder(2 * images - 1)
        return reconstructions if condition.autoencoded else (reconstructions + 1) / 2
    return 2 * images - 1 if condition.autoencoded else images


def detector(condition: Condition, classifier: keras.Model, autoencoder: keras.Model | None) -> keras.Model:
    """The path's deterministic part and the classifier as one model: images in [0, 1] to logits [batch, 1]."""
    image = keras.Input(classifier.input_shape[1:], name="image")
    return keras.Model(image, classifier(classifier_input(image, condition, autoencoder)))


def classifier_inputs(batch: dict[str, tf.Tensor], condition: Condition, autoencoder: keras.Model | None) -> tf.Tensor:
    """The whole path, perturbation included: a pipeline's {"image", "draws"} to what the classifier sees.

    Images that were reconstructed beforehand (float32) have taken it already.
    """
    if batch["image"].dtype == tf.float32:
        return batch["image"]
    images = to_unit(batch["image"])
    if condition.perturbed:
        images = perturb(images, batch["draws"])
    return classifier_input(images, condition, autoencoder)
