"""What a detector looks at: images, their saliency by three methods, and what it says of them."""

from pathlib import Path

import numpy as np

from cifake_keras.detector import Detector
from cifake_keras.report.figures import HEADING, LARGE, LINE, TEXT, Page, shown
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing

MOST = 50  # images on one picture

_TITLES = {"vanilla_gradient": "Gradient", "smoothgrad": "SmoothGrad", "grad_cam": "Grad-CAM"}


def write(path: Path, detector: Detector, names: list[str], images: np.ndarray) -> None:
    """Writes a PNG with a row an image: what the detector sees of it, and each method's map, brightest where it counts.

    images: uint8 [n, 32, 32, 3]. Raises UserError where they are more than MOST.
    """
    if len(images) > MOST:
        raise UserError(f"{len(images):,} images are too many for one picture: name at most {MOST}.")
    maps = {_TITLES[name]: _relative(values) for name, values in detector.explain(images).items()}
    page = _drawn(names, detector.predict(images), {"Image, 32x32": images, **maps})
    with replacing(path) as temporary:
        page.figure.savefig(temporary, dpi=200, format="png")


def _relative(maps: np.ndarray) -> np.ndarray:
    """Each to [0, 1] by its own maximum."""
    return maps / np.maximum(maps.max((1, 2), keepdims=True), np.finfo(np.float32).tiny)


def _drawn(names: list[str], probabilities: np.ndarray, columns: dict[str, np.ndarray]) -> Page:
    top, step, row_step = 0.3, LARGE + 0.08, LARGE + 2 * LINE
    page = Page(0.08 + len(columns) * step, top + len(names) * row_step)
    for column, (title, images) in enumerate(columns.items()):
        page.text(0.08 + column * step + LARGE / 2, top / 2, title, HEADING, weight="bold")
        for row, image in enumerate(images):
            page.image(0.08 + column * step, top + row * row_step, LARGE, shown(image))
    for row, (name, probability) in enumerate(zip(names, probabilities, strict=True)):
        below = top + row * row_step + LARGE + 0.8 * LINE
        page.text(0.08, below, f"P(fake) {probability:.3f}  {_short(name)}", TEXT, ha="left", parse_math=False)
    return page


def _short(name: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable if len(printable) <= 60 else f"{printable[:30]}...{printable[-27:]}"
