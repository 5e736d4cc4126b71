"""The detector as a library: load one, predict, explain.

    from cifake_keras import load_detector

    load_detector().predict(["photograph.jpg"])

The one that comes with the package answers without TensorFlow, which only SavedModels and `explain` import. Threads may
share a detector; docs/detector.md says what processes may do.
"""

import importlib
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cifake_keras.detector import hubs, limits, litert, model_card
from cifake_keras.detector.limits import Limits
from cifake_keras.detector.pictures import middle
from cifake_keras.protocol import CLASSIFIERS, CLEAN, IMAGE_SIZE, KERNELS, NATIVE, THRESHOLD, Condition
from cifake_keras.runtime.errors import STUDY, UserError
from cifake_keras.runtime.processes import cores
from cifake_keras.sources import reading

# Those that come with the package: that of 32x32 pixels, and that of pictures as they are.
PRETRAINED = Path(__file__).parents[1] / "pretrained"
PRETRAINED_NATIVE = PRETRAINED.with_name("pretrained_native")

# Why not to rely on the answer to an image that is not 32x32; results/reach.csv has how many. The same of the other.
OTHER_SIZE = "resized to the training images' 32x32: more fakes go unnoticed then"
SMALL = f"of less than {NATIVE.least} pixels a side, which this detector does not know"

_BATCH = 256, 2**20  # images, and pixels of them, that a network is asked about at a time

_NONE = np.empty(0, np.float32)  # the predictions of no image


class Detector:
    """Distinguishes generated images from photographs. Made by `load_detector`.

    path: the .tflite file, or the SavedModel's folder. card: its model card, empty where there is none. name: "native"
    of one for pictures as they are, else "32 px".
    threshold: between REAL and FAKE, where they are all that may be said. larger: the detector that pictures of 64
    pixels a side and more are for, where there is one; all else here is of this detector by itself.
    """

    def __init__(
        self,
        score: Callable[[np.ndarray], np.ndarray],
        path: Path,
        is_native: bool,
        threads: int | None = None,
        larger: "Detector | None" = None,
    ):
        self.path = path.absolute()  # as the working directory may be another when it is explained or unpickled
        self._score, self._threads, self.larger = score, threads, larger
        self._folder = self.path.parent if self.path.is_file() else self.path
        self.card: dict[str, Any] = model_card.read(self._folder)
        self.threshold: float = self.card.get("threshold", THRESHOLD)
        self._kernel: str = self.card.get("kernel", KERNELS[0])
        self._is_native = is_native
        self.name = NATIVE.name if is_native else f"{IMAGE_SIZE} px"

    def fitting(self, image: np.ndarray) -> "Detector":
        """The one that answers for an image, uint8 [height, width, 3]: this, or `larger`."""
        return self.larger if self.larger and min(image.shape[:2]) >= NATIVE.least else self

    def predict(self, images: Any) -> np.ndarray:
        """The probability that each image was made by a generator: float32 [n], by the detector that fits it.

        images: uint8 [n, height, width, 3] or [height, width, 3], RGB; a path; an iterable of such arrays [height,
        width, 3] and paths, of any size; or a tf.data.Dataset, batched or not, whose elements are such arrays, tuples
        that begin with one, or dictionaries with one at "image". Where a size is not the detector's, Python warns.
        Raises UserError where an image is none of these, or cannot be read.
        """
        return np.concatenate([found for _, found in self._answers(images)] or [_NONE])

    def verdicts(self, images: Any, error_rate: float | None = None) -> list[str]:
        """REAL, FAKE or UNSURE of each image, by the `limits` of the detector that fits it. images: as `predict`."""
        answers = self._answers(images)
        return [asked.limits(error_rate).verdict(value) for asked, found in answers for value in found.tolist()]

    def limits(self, error_rate: float | None = None) -> Limits:
        """Where REAL ends and FAKE begins, so that no more than that share of either class is called the other.

        That holds of images like those that validated the detector. error_rate: 0.05 where None. Raises UserError
        where the model card has none for that rate.
        """
        return limits.of_card(self.card, error_rate)

    def explain(self, images: Any) -> dict[str, np.ndarray]:
        """How much each pixel of what this detector sees mattered: float32 [n, height, width], not negative, by method.

        The methods are vanilla_gradient, smoothgrad and grad_cam (`saliency`).
        images: as `pixels` takes them. Raises UserError where the model is not a SavedModel of this package.
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
        unit = self.pixels(images) / np.float32(255)
        inputs = np.asarray(walk(unit, condition.path(CLEAN), networks, condition.range))
        return {name: method(network, inputs) for name, method in saliency.METHODS.items()}

    def pixels(self, images: Any) -> np.ndarray:
        """The images as this detector sees them: uint8 [n, 32, 32, 3], or the middles of those of one size.

        images: as `predict` takes them. Raises UserError where middles differ in size.
        """
        seen = [self._look(image) for image in _images(images)]
        if len({pixels.shape for pixels in seen}) > 1:
            raise UserError("The pictures differ in size: ask about one at a time.")
        return np.stack(seen) if seen else np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)

    def warning(self, height: int, width: int) -> str:
        """Why not to rely on this detector's answer to an image of that size; else empty."""
        if self._is_native:
            return SMALL if min(height, width) < NATIVE.least else ""
        return "" if (height, width) == (IMAGE_SIZE, IMAGE_SIZE) else OTHER_SIZE

    def __reduce__(self) -> tuple:
        """Pickled as its path: whoever unpickles it loads the model from there."""
        return load_detector, (None if self.larger else self.path, self._threads)

    @cached_property
    def _parts(self) -> tuple[Condition, Any, Any]:
        """As `saved_model.read`."""
        from cifake_keras.detector import saved_model

        return saved_model.read(self._folder, self.card)

    def _answers(self, images: Any) -> Iterator[tuple["Detector", np.ndarray]]:
        """The detector that was asked about images that follow one another, and their probabilities."""
        for asked, pixels in _batches(self._seen(_images(images))):
            yield asked, asked._score(pixels / np.float32(255))

    def _seen(self, images: Iterable[np.ndarray]) -> Iterator[tuple["Detector", np.ndarray]]:
        """The detector that fits an image, and what it sees of it. Warns where that does not know such sizes."""
        for image in images:
            asked = self.fitting(image)
            if warning := asked.warning(*image.shape[:2]):
                warnings.warn(f"Images were {warning}.", stacklevel=4)
            yield asked, asked._look(image)

    def _look(self, image: np.ndarray) -> np.ndarray:
        return middle(image) if self._is_native else reading.resize(image, IMAGE_SIZE, self._kernel)


def load_detector(model: str | os.PathLike | None = None, threads: int | None = None) -> Detector:
    """The detectors that come with the package, one of which is the other's `larger`; or another.

    model: the folder of a SavedModel, which TensorFlow runs, or a .tflite file, which LiteRT runs; or the address of a
    published detector, as `hubs.fetch` takes it, whose .tflite file LiteRT runs.
    threads: how many LiteRT computes with, whether one thread of yours predicts or many; as many as cores where None.
    Raises UserError where there is no such model, or where its files are not those of its model card.
    """
    larger = load_detector(PRETRAINED_NATIVE / litert.FILE, threads) if model is None else None
    path = _local(PRETRAINED / litert.FILE if model is None else model)
    if path.suffix == ".tflite":
        model_card.check(path.parent, [path.name])
        score = litert.load(path, threads or cores())
        return Detector(score, path, litert.takes_any_size(path), threads, larger)
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{path} is no model: name the folder of a SavedModel, or a .tflite file.")
    model_card.check(path)
    _import_keras()
    from cifake_keras.detector import saved_model

    return Detector(saved_model.load(path), path, model_card.is_native(model_card.read(path)))


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


def _batches(seen: Iterable[tuple[Detector, np.ndarray]]) -> Iterator[tuple[Detector, np.ndarray]]:
    """Those that follow one another, of one detector and size, some at a time."""
    for (asked, shape), group in itertools.groupby(seen, key=lambda of: (of[0], of[1].shape)):
        images, pixels = _BATCH
        most = max(1, min(images, pixels // (shape[0] * shape[1])))
        while batch := list(itertools.islice(group, most)):
            yield asked, np.stack([image for _, image in batch])


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
