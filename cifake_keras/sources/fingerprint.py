"""A fingerprint of a data set's images, whatever their archive, order and file names."""

import hashlib
from collections.abc import Iterable

import numpy as np

# In a data set's folder: {"images", "fingerprint"} of the images decoded when it was prepared.
RECORD = "fingerprint.json"


def digest(image: np.ndarray) -> str:
    """The SHA-256 of native pixels, uint8 [height, width, 3]."""
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()


def fingerprint(examples: Iterable[tuple[str, str, str, str]]) -> str:
    """Of the (split, class, generator, digest) of every image, in any order."""
    return hashlib.sha256("\n".join(sorted(map("/".join, examples))).encode()).hexdigest()


def record(examples: list[tuple[str, str, str, str]]) -> dict:
    """The content of RECORD."""
    return {"images": len(examples), "fingerprint": fingerprint(examples)}
