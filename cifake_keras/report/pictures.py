"""Pictures as data URIs, so that a page is one file."""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from cifake_keras.report.figures import MAP


def of_file(path: Path) -> str:
    """The same pixels as WebP, which takes less than half of a chart's PNG."""
    with Image.open(path) as image:
        return _uri(image, "WebP")


def of_pixels(*images: np.ndarray) -> str:
    """Images side by side: uint8 [height, width, 3] each."""
    return _uri(Image.fromarray(np.concatenate(images, axis=1)), "PNG")


def coloured(saliency: np.ndarray) -> np.ndarray:
    """A map, uint8 [height, width], in the colours of the figures: uint8 [height, width, 3]."""
    return matplotlib.colormaps[MAP](saliency, bytes=True)[..., :3]


def _uri(image: Image.Image, kind: str) -> str:
    """Lossless."""
    buffer = io.BytesIO()
    image.save(buffer, kind, lossless=True)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
