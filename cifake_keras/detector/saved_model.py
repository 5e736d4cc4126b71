"""SavedModels that need no line of this package."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.types.experimental import ConcreteFunction

from cifake_keras import models
from cifake_keras.conditions.path import Networks, build, detector
from cifake_keras.detector import decoding, model_card
from cifake_keras.models import native
from cifake_keras.protocol import CLASSIFIERS, CONDITIONS, IMAGE_SIZE, NATIVE, Condition, seen_by
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing

SIGNATURE = "serving_default"

_PROCESS = os.getpid()


def write(
    folder: Path,
    condition: Condition,
    classifier: keras.Model,
    networks: Networks,
    kernel: str,
    card: dict,
) -> None:
    """Writes the SavedModel of a condition; `folder` appears, or is replaced, as a whole.

    Signatures: `serving_default` takes `image`, float32 [batch, 32, 32, 3] in [0, 1]; `serve_bytes` takes
    `image_bytes`, image files of any size. Both return {"probability_fake": float32 [batch]}; the model card says more.
    """

    def of_files(contents: tf.Tensor, ask: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        images = decoding.decode(contents, IMAGE_SIZE, kernel)
        # NaN would not reach the end of the network everywhere: oneDNN's ReLU makes 0 of it.
        return tf.where(tf.math.is_nan(images[:, 0, 0, 0]), float("nan"), ask(images))

    _write(folder, detector(condition, classifier, networks), [IMAGE_SIZE] * 2, of_files, card)


def write_native(folder: Path, network: keras.Model, card: dict) -> None:
    """As `write`, of a network that takes pictures of any size; `serve_bytes` shows it a file's middle."""
    _write(folder, network, [None, None], decoding.ask, card)


def _write(
    folder: Path,
    model: keras.Model,
    sides: list[int | None],
    of_files: Callable[[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]], tf.Tensor],
    card: dict,
) -> None:
    """model: images in [0, 1] to logits. of_files: what is said of files, given what says it of images."""

    @_endpoint(tf.TensorSpec([None, *sides, 3], tf.float32, name="image"))
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability_fake": tf.sigmoid(model(image, training=False))[:, 0]}

    @_endpoint(tf.TensorSpec([None], tf.string, name="image_bytes"))
    def serve_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability_fake": of_files(image_bytes, lambda images: serve(images)["probability_fake"])}

    # keras.export.ExportArchive would store every weight twice.
    module = tf.Module()
    module.weights = [variable.value for variable in model.weights]
    with replacing(folder) as temporary:
        tf.saved_model.save(module, temporary, {SIGNATURE: serve, "serve_bytes": serve_bytes})
        model_card.write(temporary, card)


def load(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What takes images, float32 [n, height, width, 3] in [0, 1], and returns probability_fake, float32 [n].

    Raises UserError where `folder` holds no SavedModel of a detector.
    """
    loaded = _loaded(folder)  # held: a signature alone would forget its variables

    def score(images: np.ndarray) -> np.ndarray:
        check_process()
        return loaded.signatures[SIGNATURE](image=tf.constant(images))["probability_fake"].numpy()

    return score


def read(folder: Path, card: dict) -> tuple[Condition, keras.Model, Networks]:
    """What a SavedModel was made of: condition, classifier, networks of the steps. card: its model card.

    Its weights are read, and nothing of it is run. Raises UserError where they are not those of such networks, or this
    version has none of those names.
    """
    named = card["classifier"]
    if named not in (*CLASSIFIERS, NATIVE.name) or card["condition"] not in CONDITIONS:
        raise UserError(
            f"{folder} has a network that this version does not know; take a newer version, or export it anew."
        )
    condition = CONDITIONS[card["condition"]]
    if named == NATIVE.name:
        classifier = native.network()
    else:
        condition, classifier = seen_by(named, condition), models.build(named)
    networks = {step.name: build(step) for step in condition.steps if step.network}
    try:
        detector(condition, classifier, networks).set_weights(_weights(folder))
    except (ValueError, tf.errors.OpError) as error:
        raise UserError(f"{folder} has other weights than its model card says; export it anew.") from error
    return condition, classifier, networks


def _weights(folder: Path) -> list[np.ndarray]:
    """In the order of `write`."""
    reader = tf.train.load_checkpoint(folder / "variables" / "variables")
    count = sum(name.startswith("weights/") for name in reader.get_variable_to_shape_map())
    return [reader.get_tensor(f"weights/{number}/.ATTRIBUTES/VARIABLE_VALUE") for number in range(count)]


def frozen(folder: Path) -> ConcreteFunction:
    """A SavedModel's `serving_default` without variables, for converters. Raises UserError as `load` does."""
    loaded = _loaded(folder)
    return convert_variables_to_constants_v2(loaded.signatures[SIGNATURE])


def check_process() -> None:
    """Raises UserError in a fork of the process that began with TensorFlow: it would wait for ever for its threads."""
    if os.getpid() != _PROCESS:
        raise UserError(
            "TensorFlow cannot go on in a forked process: start processes with the method 'spawn', or predict with a "
            ".tflite file, which can."
        )


def _loaded(folder: Path) -> Any:
    check_process()
    try:
        loaded = tf.saved_model.load(folder)
        outputs = loaded.signatures[SIGNATURE](image=tf.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3]))
        outputs["probability_fake"]
    except Exception as error:  # TensorFlow meets damage with errors of many kinds
        raise UserError(f"{folder} is not the SavedModel of a detector, or damaged; export it anew.") from error
    return loaded


def _endpoint(spec: tf.TensorSpec) -> Callable[[Callable], Callable]:
    return tf.function(input_signature=[spec], autograph=False)


def write_litert(saved_model: Path, path: Path, float16: bool = False) -> None:
    """Writes the `serving_default` of a SavedModel for LiteRT as one file; float16: its weights take half the room."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[SIGNATURE])
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(converter.convert())
