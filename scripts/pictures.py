"""Pictures of the development sources as they are, and what becomes of them, by the rule of docs/protocol.md."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from cifake_keras.protocol import JPEG_QUALITY, KERNELS, NATIVE_SIZE, SOURCES
from cifake_keras.sources import archives, prepared, reading, walk
from cifake_keras.sources.image_folder import ImageFolder, slug

WIDER = 384  # px of the middle, which are halved
LEAST = 64  # px of a picture's shorter side

# Of the pictures that candidates learn from: how often they were compressed before, keep their size, and are mirrored.
COMPRESSED, KEPT, MIRRORED = 0.5, 0.4, 0.5
SCALES, QUALITIES = (0.45, 1.0), (60, 96)
SMOOTH = [kernel for kernel in KERNELS if kernel != "nearest"]


def pictures(source: str, folder: Path, data_dir: Path) -> Iterator[tuple[str, np.ndarray]]:
    """(digest, uint8 [height, width, 3]) of each image of a source that is prepared, as its archive in `folder` has it.

    The digest is that of the image as it was prepared.
    """
    archive, config = archives.find(folder)[source], ImageFolder.builder_configs[slug(source)]
    members = {config.filename(member): member for member in walk.find(archive).images}
    examples = prepared.load(data_dir, SOURCES[source].dataset, KERNELS[0]).examples
    read = reading.read(archive, [members[name] for name in examples["filename"]])
    for digest, (_, content) in zip(examples["digest"], read, strict=True):
        yield digest, reading.decode(content)


def cut(picture: np.ndarray) -> np.ndarray:
    """As the sources of one size are prepared."""
    return reading.compressed(_middle(picture, NATIVE_SIZE), JPEG_QUALITY)


def halved(picture: np.ndarray) -> np.ndarray:
    """Of a wider cut, or of all that there is."""
    middle = _middle(picture, WIDER)
    return reading.compressed(reading.resize(middle, len(middle) // 2, KERNELS[0]), JPEG_QUALITY)


def _middle(picture: np.ndarray, side: int) -> np.ndarray:
    return reading.square(picture, min(side, *picture.shape[:2]))


def drawn(picture: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """What a candidate learns from: size, kernel, place and compression by chance, so that they give nothing away.

    Photographs have been compressed before, and some fakes have not: a compression before hides that.
    """
    if draws.random() < COMPRESSED:
        corner = draws.integers(8, size=2)
        picture = _compressed(picture[corner[0] :, corner[1] :], draws)
    if draws.random() >= KEPT:
        picture = _scaled(picture, draws.uniform(*SCALES), SMOOTH[draws.integers(len(SMOOTH))])
    side = min(NATIVE_SIZE, *picture.shape[:2])
    top, left = (int(draws.integers(of - side + 1)) for of in picture.shape[:2])
    picture = picture[top : top + side, left : left + side]
    return _compressed(picture[:, ::-1] if draws.random() < MIRRORED else picture, draws)


def _compressed(picture: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    return reading.compressed(np.ascontiguousarray(picture), int(draws.integers(*QUALITIES)))


def _scaled(picture: np.ndarray, scale: float, kernel: str) -> np.ndarray:
    height, width = (max(LEAST, round(scale * of)) for of in picture.shape[:2])
    method = Image.Resampling[kernel.upper()]
    return np.asarray(Image.fromarray(picture).resize((width, height), method))
