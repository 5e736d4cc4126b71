"""The file of what a cell's classifier said of every test image, for statistics to be made of. Imports no TensorFlow.

Beside it, once a phase, stands images.csv: a row a test image, in the order of the scores.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing, write_text
from cifake_keras.splits.composition import PhaseImages

IMAGES, SCORES, DISPERSION = "images.csv", "scores.npz", "dispersion.csv"

# The column of dispersion.csv beside the measures: rank correlation with the map of random weights.
SIMILARITY = "similarity_to_random"


@dataclass(frozen=True)
class Scores:
    """One cell's.

    paths: float16 logits [images] by the path that the images took. altered: bool [images], whether FAKE was said, by
    alteration ("jpeg-75") or kernel ("kernel-box"), after the cell's own path without its perturbation. validation:
    float16 logits of the validation images by evaluation, beside validation_labels, int8.
    """

    paths: dict[str, np.ndarray]
    altered: dict[str, np.ndarray]
    validation: dict[str, np.ndarray]
    validation_labels: np.ndarray

    @property
    def count(self) -> int:
        return len(next(iter(self.paths.values())))

    def write(self, path: Path) -> None:
        arrays = {f"path {name}": logits.astype(np.float16) for name, logits in self.paths.items()}
        arrays |= {f"altered {name}": np.packbits(said_fake) for name, said_fake in self.altered.items()}
        arrays |= {f"validation {name}": logits.astype(np.float16) for name, logits in self.validation.items()}
        with replacing(path) as temporary:
            np.savez_compressed(temporary, labels=self.validation_labels.astype(np.int8), **arrays)

    @classmethod
    def read(cls, path: Path) -> "Scores":
        """Raises UserError where the file is damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
        except Exception as error:  # zipfile and zlib meet damage with errors of any kind
            raise UserError(f"{path} is damaged ({error}); delete its folder and run `examine` again.") from error
        labels = arrays.pop("labels")
        parts = {"path": {}, "altered": {}, "validation": {}}
        for key, array in arrays.items():
            part, name = key.split(" ")
            parts[part][name] = array.astype(np.float32) if part != "altered" else array
        count = len(next(iter(parts["path"].values())))
        altered = {name: np.unpackbits(bits, count=count).astype(bool) for name, bits in parts["altered"].items()}
        return cls(parts["path"], altered, parts["validation"], labels)


def write_images(folder: Path, data: PhaseImages) -> None:
    """Writes images.csv of a phase: test_set, label, source, generator, filename, in_training (pixel for pixel)."""
    trained = set(data.train.examples["digest"])
    columns = ["test_set", "label", "source", "generator", "filename", "in_training"]
    rows = [
        images.examples.assign(test_set=name, in_training=images.examples["digest"].isin(trained).astype(int))
        for name, images in data.tests.items()
    ]
    write_text(folder / IMAGES, pd.concat(rows)[columns].to_csv(index=False, lineterminator="\n"))
