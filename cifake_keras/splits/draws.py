"""Chance as numbers, which follow from a key alone: a run can be repeated, or taken up at any batch, on any device."""

import numpy as np

from cifake_keras.protocol import Steps


def draw(steps: Steps, count: int, *key: int) -> dict[str, np.ndarray]:
    """Of each step that needs chance, by its name: float32 [count, its number of draws], uniform in [0, 1).

    They are determined by the two integers of `key` and the step's stream.
    """
    return {
        step.name: np.random.default_rng((*key, step.stream)).random((count, step.draws), np.float32)
        for step in steps
        if step.draws
    }
