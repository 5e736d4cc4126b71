"""What the parity fixture and the parity test agree on: weights in PyTorch's layout, and inputs. NumPy alone."""

from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).with_name("parity.npz")
LEARNING_RATE, L2, STEPS = 1e-1, 0.5, 5
LABELS = np.arange(8, dtype=np.float32)[:, None] % 2  # of images(), for the losses

# Weight shapes in PyTorch's order; a bias follows each, of the length of the outputs.
CLASSIFIER = ((32, 3, 3, 3), (32, 32, 3, 3), (64, 32_768), (64, 64), (1, 64))
AUTOENCODER = ((32, 3, 3, 3), (64, 32, 3, 3), (2048, 4096), (4096, 2048), (64, 32, 3, 3), (32, 3, 3, 3))
TRANSPOSED = (4, 5)  # of the autoencoder: [in, out, height, width], where the others have [out, in, height, width]


def parameters(shapes: tuple, seed: int, transposed: tuple = ()) -> list[np.ndarray]:
    """float32 weights and biases in turn, uniform within 1 / sqrt(fan_in)."""
    drawn = []
    for i, shape in enumerate(shapes):
        rng = np.random.default_rng((seed, i))
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        outputs = shape[1] if i in transposed else shape[0]
        drawn += [rng.uniform(-bound, bound, size).astype(np.float32) for size in (shape, outputs)]
    return drawn


def images() -> np.ndarray:
    """float32 [8, 32, 32, 3] in [0, 1]."""
    return np.random.default_rng(7).random((8, 32, 32, 3), np.float32)


def start() -> np.ndarray:
    """float32 [10]: weights from which the optimisers start."""
    return np.random.default_rng(8).normal(size=10).astype(np.float32)
