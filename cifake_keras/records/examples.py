"""The file of what the figures show of a phase: images drawn at random, and what each condition makes of them."""

import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from cifake_keras import protocol
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import arrays_in, replacing

EXAMPLES = "examples.npz"  # in a phase's folder

# What numpy raises on a file cut short, overwritten or of another kind.
_DAMAGED: tuple[type[Exception], ...] = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    AttributeError,
)
_DAMAGED += (zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Examples:
    """T example images by C conditions.

    images and perturbed: uint8 [T, 32, 32, 3]. inputs: what each classifier sees, [T, C, 32, 32, 3] in [0, 1].
    Saliency, [T, C, 32, 32] in [0, 1]: the gradient with respect to that input, and through the whole path.
    """

    test_sets: np.ndarray
    labels: np.ndarray
    filenames: np.ndarray
    conditions: np.ndarray
    preset: np.ndarray
    images: np.ndarray
    perturbed: np.ndarray
    inputs: np.ndarray
    input_saliency: np.ndarray
    image_saliency: np.ndarray
    probability_fake: np.ndarray

    @classmethod
    def load(cls, path: Path) -> "Examples":
        """Raises UserError where the file is damaged."""
        try:
            with arrays_in(path) as arrays:
                examples = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            examples._check()
        except _DAMAGED as error:
            raise UserError(f"{path} is damaged ({error}); delete it and run the grid again.") from error
        return examples

    def write(self, path: Path) -> None:
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})

    def _check(self) -> None:
        rows, columns = len(self.test_sets), len(self.conditions)
        pixels = (protocol.IMAGE_SIZE, protocol.IMAGE_SIZE)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("test_sets", "labels", "filenames"), (rows,))
        shapes |= {"conditions": (columns,), "preset": (), "probability_fake": (rows, columns)}
        shapes |= dict.fromkeys(("images", "perturbed"), (rows, *pixels, 3))
        shapes |= dict.fromkeys(("input_saliency", "image_saliency"), (rows, columns, *pixels))
        shapes |= {"inputs": (rows, columns, *pixels, 3)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape or 0 in shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}")
        if str(self.preset) not in protocol.PRESETS or not set(self.conditions) <= set(protocol.CONDITIONS):
            raise ValueError("unknown preset or condition")

    def phase(self, name: str) -> protocol.Phase:
        return protocol.phases(str(self.preset))[name]

    def row_label(self, row: int, phase: str) -> str:
        """The test set's title and the image's class."""
        titles = {test.name: test.title for test in self.phase(phase).tests}
        title = titles.get(str(self.test_sets[row]), str(self.test_sets[row]))
        return title.replace(" ", "\n") + f"\n{self.labels[row]}"

    def paths(self) -> list[tuple[int, protocol.Condition]]:
        """The conditions in the protocol's order, with their place in the arrays."""
        place = {str(name): index for index, name in enumerate(self.conditions)}
        return [(place[name], condition) for name, condition in protocol.CONDITIONS.items() if name in place]
