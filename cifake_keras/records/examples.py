"""The file of what the figures show of a phase: images drawn at random, and what each condition makes of them."""

from dataclasses import dataclass

import numpy as np

from cifake_keras import protocol
from cifake_keras.records.arrays import Arrays

EXAMPLES = "examples.npz"  # in a phase's folder


@dataclass(frozen=True)
class Examples(Arrays):
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

    def check(self) -> None:
        rows, columns = len(self.test_sets), len(self.conditions)
        pixels = (protocol.IMAGE_SIZE, protocol.IMAGE_SIZE)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("test_sets", "labels", "filenames"), (rows,))
        shapes |= {"conditions": (columns,), "preset": (), "probability_fake": (rows, columns)}
        shapes |= dict.fromkeys(("images", "perturbed"), (rows, *pixels, 3))
        shapes |= dict.fromkeys(("input_saliency", "image_saliency"), (rows, columns, *pixels))
        shapes |= {"inputs": (rows, columns, *pixels, 3)}
        self.check_shapes(shapes)
        if not rows or not columns:
            raise ValueError("there are none")
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
