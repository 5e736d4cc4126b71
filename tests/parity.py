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


# Tiny autoencoders: latent channels, and whether they have the branch with a normalisation.
TINY = ((4, False), (16, False), (32, True))


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


def tiny_autoencoder(latents: int, branch: bool) -> dict[str, np.ndarray]:
    """float32 tensors by PyTorch's names, with values of float16, so large that images are neither black nor white."""
    rng, tensors = np.random.default_rng(latents), {}
    for name, shape in _tiny_shapes(latents, branch).items():
        normal = 0.5 / np.sqrt(np.prod(shape[1:])) * rng.standard_normal(shape)
        drawn = normal if len(shape) == 4 else rng.uniform(0.1, 0.5, shape)
        tensors[name] = drawn.astype(np.float16).astype(np.float32)
    return tensors


def _tiny_shapes(latents: int, branch: bool) -> dict[str, tuple[int, ...]]:
    """By the place of a layer in the encoder and in the decoder."""
    with_bias = {"encoder.0": (64, 3), "encoder.14": (latents, 64), "decoder.1": (64, latents), "decoder.19": (3, 64)}
    without = [*(f"encoder.{place}" for place in (2, 6, 10)), *(f"decoder.{place}" for place in (7, 12, 17))]
    encoder, decoder = (1, 3, 4, 5, 7, 8, 9, 11, 12, 13), (3, 4, 5, 8, 9, 10, 13, 14, 15, 18)
    blocks = [*(f"encoder.{place}" for place in encoder), *(f"decoder.{place}" for place in decoder)]
    with_bias |= {f"{block}.conv.{place}": (64, 64) for block in blocks for place in (0, 2, 4)}
    shapes = {f"{name}.weight": (*of, 3, 3) for name, of in with_bias.items()}
    shapes |= {f"{name}.bias": of[:1] for name, of in with_bias.items()}
    shapes |= {f"{name}.weight": (64, 64, 3, 3) for name in without}
    for block in [*blocks[7:10], *blocks[10:13]] if branch else ():
        shapes |= {f"{block}.pool.0.weight": (256, 64, 1, 1), f"{block}.pool.3.weight": (64, 256, 1, 1)}
        shapes |= {f"{block}.pool.1.{kind}": (256,) for kind in ("weight", "bias")}
    return shapes
