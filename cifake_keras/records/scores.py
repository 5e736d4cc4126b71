"""What a cell's classifier said of every test image, as logits, for statistics to be made of.

Beside the cells, once a phase, stands images.csv: a row a test image, in the order of the scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import arrays_in, replacing, require_file, write_text

IMAGES = "images.csv"

# The column of dispersion.csv beside the measures: rank correlation with the map of random weights.
SIMILARITY = "similarity_to_random"

_COLUMNS = ["test_set", "label", "source", "generator", "filename", "in_training"]


@dataclass(frozen=True)
class Scores:
    """One cell's. Logits are float32 when they are read, and float16 in the file.

    paths: logits [images] by the path that the images took. altered: logits [images] by alteration ("jpeg-75") or
    kernel ("kernel-box"), after the cell's own path without its chance; bool, whether FAKE was said, in files of
    earlier versions, which kept no more. validation: logits of the validation images by evaluation, beside
    validation_labels, int8.
    """

    paths: dict[str, np.ndarray]
    altered: dict[str, np.ndarray]
    validation: dict[str, np.ndarray]
    validation_labels: np.ndarray

    @property
    def count(self) -> int:
        return len(next(iter(self.paths.values())))

    def logits(self, view: str) -> np.ndarray:
        """float32 [images], on a path or on altered images; bool in files of earlier versions."""
        return self.altered[view] if view in self.altered else self.paths[view]

    def said_fake(self, view: str) -> np.ndarray:
        """bool [images]: the decisions at probability 0.5 on a path, or on altered images."""
        scores = self.logits(view)
        return scores if scores.dtype == bool else scores >= 0

    def write(self, path: Path) -> None:
        arrays = {
            f"{part} {name}": logits.astype(np.float16)
            for part in ("paths", "altered", "validation")
            for name, logits in getattr(self, part).items()
        }
        with replacing(path) as temporary:
            np.savez_compressed(temporary, labels=self.validation_labels.astype(np.int8), **arrays)

    @classmethod
    def read(cls, path: Path) -> "Scores":
        """Raises UserError where the file is damaged."""
        require_file(path)
        try:
            with arrays_in(path) as file:
                return cls._of(dict(file))
        except Exception as error:  # zipfile and zlib meet damage with errors of any kind
            raise UserError(f"{path} is damaged ({error}); delete its folder and run `examine` again.") from error

    @classmethod
    def _of(cls, arrays: dict[str, np.ndarray]) -> "Scores":
        parts = {part: _part(arrays, part) for part in ("paths", "path", "altered", "validation")}
        parts["paths"] |= parts.pop("path")  # so it is called in files of earlier versions
        count = len(next(iter(parts["paths"].values())))
        read = {part: {name: _read(array, count) for name, array in of.items()} for part, of in parts.items()}
        scores = cls(**read, validation_labels=arrays["labels"])
        scores._check()
        return scores

    def _check(self) -> None:
        tested, validated = self.paths | self.altered, len(self.validation_labels)
        lengths = dict.fromkeys(tested, self.count) | dict.fromkeys(self.validation, validated)
        for name, logits in (tested | self.validation).items():
            if logits.shape != (lengths[name],) or np.isnan(logits).any():
                raise ValueError(f"{name} has not a number for each of {lengths[name]:,} images")


def _part(arrays: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """By name; they are called "paths baseline", "altered jpeg-75"."""
    return {key.removeprefix(f"{part} "): array for key, array in arrays.items() if key.startswith(f"{part} ")}


def _read(array: np.ndarray, count: int) -> np.ndarray:
    """Logits; or decisions, which earlier versions packed as bits."""
    if array.dtype == np.uint8:
        return np.unpackbits(array, count=count).astype(bool)
    return array.astype(np.float32)


def read_images(folder: Path) -> pd.DataFrame:
    """images.csv of a phase. Raises UserError where it is damaged."""
    path = folder / IMAGES
    require_file(path)
    try:
        return pd.read_csv(path, keep_default_na=False).astype({"label": int, "in_training": int})[_COLUMNS]
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}); put it back, or delete it and the examinations beside it, "
            "and run `examine` again."
        ) from error


def write_images(folder: Path, tests: Mapping[str, pd.DataFrame], trained: set[str]) -> None:
    """Writes images.csv of a phase: test_set, label, source, generator, filename, in_training (pixel for pixel).

    tests: the examples of each test set, with their digests. trained: the digests of the training images.
    """
    rows = [
        examples.assign(test_set=name, in_training=examples["digest"].isin(trained).astype(int))
        for name, examples in tests.items()
    ]
    write_text(folder / IMAGES, pd.concat(rows)[_COLUMNS].to_csv(index=False, lineterminator="\n"))
