"""What a detector looks at: images, their saliency by three methods, and what it says of them."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from cifake_keras import protocol
from cifake_keras.report import form
from cifake_keras.report.figures import HEADING, LARGE, LINE, TEXT, Page, shown
from cifake_keras.runtime.errors import UserError

MOST = 50  # images on one picture


def check(images: int) -> None:
    """Raises UserError where so many do not go on one picture."""
    if images > MOST:
        raise UserError(f"{images:,} images are too many for one picture: name at most {MOST}.")


def png(
    names: Sequence[str],
    images: Sequence[np.ndarray],
    probability_fake: np.ndarray,
    maps: Sequence[Mapping[str, np.ndarray]],
) -> bytes:
    """A PNG with a row an image: what the detector sees of it, and each method's map, brightest where it counts.

    images: uint8 [height, width, 3] each. probability_fake: float [n]. maps: of each image float [height, width], not
    negative, by the method of saliency. Raises UserError where they are more than MOST.
    """
    check(len(images))
    titled = {form.capital(protocol.SALIENCY[name]): [_relative(of[name]) for of in maps] for name in maps[0]}
    page = _drawn(names, probability_fake, {"What it sees": images, **titled})
    buffer = io.BytesIO()
    page.figure.savefig(buffer, dpi=200, format="png")
    return buffer.getvalue()


def _relative(values: np.ndarray) -> np.ndarray:
    """To [0, 1] by the maximum."""
    return values / max(values.max(), np.finfo(np.float32).tiny)


def _drawn(names: Sequence[str], probabilities: np.ndarray, columns: Mapping[str, Sequence[np.ndarray]]) -> Page:
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
