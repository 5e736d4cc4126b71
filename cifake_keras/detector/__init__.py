"""The detector as a library: load one, predict, explain.

    from cifake_keras import load_detector

    load_detector().predict(["photograph.jpg"])

The one that comes with the package answers without TensorFlow, which only SavedModels and `explain` import. Threads may
share a detector; docs/detector.md says what processes may do.
"""

import importlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cifake_keras.detector import hubs, limits, litert, model_card
from cifake_keras.detector.limits import Limits
from cifake_keras.protocol import CLASSIFIERS, CLEAN, IMAGE_SIZE, KERNELS, THRESHOLD, Condition
from cifake_keras.runtime.errors import STUDY, UserError
from cifake_keras.runtime.processes import cores
from cifake_keras.sources import reading

PRETRAINED = Path(__file__).parents[1] / "pretrained"

# Why not to rely on the answer to an image that is not 32x32; results/reach.csv has how many.
OTHER_SIZE = "resized to the training images' 32x32: many fakes go unnoticed then"

_BATCH = 256

# The predictions, and the pixels, of no image.
_NONE = np.empty(0, np.float32)
_NO_PIXELS = np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)


class Detector:
    """Distinguishes generated images from photographs. Made by `load_detector`.

    path: the .tflite file, or the SavedModel's folder. card: its model card, empty where there is none.
    threshold: between REAL and FAKE, where they are all that may be said.
    """

    def __init__(self, score: Callable[[np.ndarray], np.ndarray], path: Path, threads: int | None = None):
        self.path = path.absolute()  # as the working directory may be another when it is explained or unpickled
        self._score, self._threads = score, threads
        self._folder = self.path.parent if self.path.is_file() else self.path
        self.card: dict[str, Any] = model_card.read(self._folder)
        self.threshold: float = self.card.get("threshold", THRESHOLD)
        self._kernel: str = self.card.get("kernel", KERNELS[0])

    def predict(self, images: Any) -> np.ndarray:
        """The probability that each image was made by a generator: float32 [n].

        images: uint8 [n, height, width, 3] or [height, width, 3], RGB; a path; an iterable of such arrays [height,
        width, 3] and paths, of any size; or a tf.data.Dataset, batched or not, whose elements are such arrays, tuples
        that begin with one, or dictionaries with one at "image". All are resized as in training; where that changes an
        image, Python warns of it.
        Raises UserError where an image is none of these, or cannot be read.
        """
        batches = self._batches(_warned(_images(images)))
        return np.concatenate([self._score(pixels / np.float32(255)) for pixels in batches] or [_NONE])

    def limits(self, error_rate: float | None = None) -> Limits:
        """Where REAL ends and FAKE begins, so that no more than that share of either class is called the other.

        That holds of images like those that validated the detector. error_rate: 0.05 where None. Raises UserError
        where the model card has none for that rate.
        """
        return limits.of_card(self.card, error_rate)

    def explain(self, images: Any) -> dict[str, np.ndarray]:
        """How much each pixel mattered: float32 [n, 32, 32], not negative, by method.

        The methods are vanilla_gradient, smoothgrad and grad_cam (`saliency`), on what the classifier sees.
        images: as `predict` takes them. Raises UserError where the model is not a SavedModel of this package.
        """
        has_weights = (self._folder / "variables" / "variables.index").exists()
        if not {"condition", "classifier"} <= self.card.keys() or not has_weights:
            raise UserError("Only a SavedModel of this package can be explained: name its folder with --model.")
        classifier = CLASSIFIERS.get(self.card["classifier"])
        if classifier and classifier.backbone:
            raise UserError(f"{self.path} looks at features of a frozen backbone, of which there is no map to draw.")
        _import_keras()
        _check_keras()
        from cifake_keras.conditions.path import walk
        from cifake_keras.detector import saved_model
        from cifake_keras.evaluation import saliency

        saved_model.check_process()
        condition, network, networks = self._parts
        unit = np.concatenate([_NO_PIXELS, *self._batches(_warned(_images(images)))]) / np.float32(255)
        inputs = np.asarray(walk(unit, condition.path(CLEAN), networks, condition.range))
        return {name: method(network, inputs) for name, method in saliency.METHODS.items()}

    def pixels(self, images: Any) -> np.ndarray:
        """The images as the network sees them: uint8 [n, 32, 32, 3]. images: as `predict` takes them."""
        return np.concatenate([_NO_PIXELS, *self._batches(_images(images))])

    def __reduce__(self) -> tuple:
        """Pickled as its path: whoever unpickles it loads the model from there."""
        return load_detector, (self.path, self._threads)

    @cached_property
    def _parts(self) -> tuple[Condition, Any, Any]:
        """As `saved_model.read`."""
        from cifake_keras.detector import saved_model

        return saved_model.read(self._folder, self.card)

    def _batches(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        batch: list[np.ndarray] = []
        for image in images:
            batch.append(reading.resize(image, IMAGE_SIZE, self._kernel))
            if len(batch) == _BATCH:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)


def load_detector(model: str | os.PathLike | None = None, threads: int | None = None) -> Detector:
    """The detector that comes with the package, or another.

    model: the folder of a SavedModel, which TensorFlow runs, or a .tflite file, which LiteRT runs; or the address of a
    published detector, as `hubs.fetch` takes it, whose .tflite file LiteRT runs.
    threads: how many LiteRT computes with, whether one thread of yours predicts or many; as many as cores where None.
    Raises UserError where there is no such model, or where its files are not those of its model card.
    """
    path = _local(PRETRAINED / litert.FILE if model is None else model)
    if path.suffix == ".tflite":
        model_card.check(path.parent, [path.name])
        return Detector(litert.load(path, threads or cores()), path, threads)
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{path} is no model: name the folder of a SavedModel, or a .tflite file.")
    model_card.check(path)
    _import_keras()
    from cifake_keras.detector import saved_model

    return Detector(saved_model.load(path), path)


def _local(model: str | os.PathLike) -> Path:
    return hubs.fetch(model) if isinstance(model, str) and hubs.is_address(model) else Path(model)


def _import_keras() -> None:
    """Raises UserError where Keras, or the backend that it wants, is not installed."""
    try:
        importlib.import_module("keras")
    except ImportError as error:
        if error.name in ("keras", "tensorflow"):
            raise UserError(f"Only TensorFlow runs and explains a SavedModel: {STUDY}") from error
        wanted = "set KERAS_BACKEND=tensorflow, or the backend in ~/.keras/keras.json"
        raise UserError(f"Keras cannot be imported ({error}): {wanted}.") from error


def _check_keras() -> None:
    """Raises UserError where networks that are built here would be others than those that were trained."""
    from keras import config

    settings = {"backend": config.backend(), "image data format": config.image_data_format(), "floatx": config.floatx()}
    for (name, value), wanted in zip(settings.items(), ("tensorflow", "channels_last", "float32"), strict=True):
        if value != wanted:
            raise UserError(
                f"Keras's {name} is {value} here, and explain needs {wanted}: change it in ~/.keras/keras.json, in "
                "KERAS_BACKEND, or by keras.config."
            )


def _images(images: Any) -> Iterator[np.ndarray]:
    """uint8 [height, width, 3] each."""
    if isinstance(images, str | os.PathLike):
        yield _read(Path(images))
    elif hasattr(images, "as_numpy_iterator"):
        for element in images.as_numpy_iterator():
            yield from _images(_image_of(element))
    elif isinstance(images, np.ndarray) and images.ndim == 3:
        yield _checked(images)
    elif isinstance(images, Iterable):
        for image in images:
            yield _read(Path(image)) if isinstance(image, str | os.PathLike) else _checked(image)
    else:
        raise UserError(f"Images are uint8 arrays, paths or a tf.data.Dataset, not {type(images).__name__}.")


def _warned(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for image in images:
        if image.shape[:2] != (IMAGE_SIZE, IMAGE_SIZE):
            warnings.warn(f"Images were {OTHER_SIZE}.", stacklevel=2)
        yield image


def _image_of(element: Any) -> Any:
    """The image of a data set's element, which may hold a label as well."""
    if isinstance(element, dict):
        return element["image"]
    return element[0] if isinstance(element, tuple) else element


def _read(path: Path) -> np.ndarray:
    try:
        return reading.image(path)
    except reading.UnreadableImage as error:
        raise UserError(f"{path}: {error}") from error


def _checked(image: Any) -> np.ndarray:
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
        or not image.size
    ):
        given = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"An image is a path or uint8 [height, width, 3] with pixels, not {given}.")
    return image
