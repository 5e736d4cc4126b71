"""What the detector of pictures as they are sees of one: its middle, and of a large one that of its half."""

import numpy as np

from cifake_keras.protocol import NATIVE


def middle(image: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3] to its middle, of at most 512 x 512 pixels.

    While its shorter side has more than 1,024, four pixels become one, their mean. A middle is its own middle.
    """
    times = 0
    while min(image.shape[:2]) >> times > NATIVE.most:
        times += 1
    rows, columns = (_middle(of, times) for of in image.shape[:2])
    part = image[rows, columns]
    for _ in range(times):
        part = _halved(part)
    return part


def _middle(length: int, times: int) -> slice:
    """Of a side that will be halved so often."""
    halved = length >> times
    kept = min(halved, NATIVE.side)
    first = (halved - kept) // 2
    return slice(first << times, (first + kept) << times)


def _halved(image: np.ndarray) -> np.ndarray:
    wide = image.astype(np.uint16)
    sums = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    return ((sums + 2) // 4).astype(np.uint8)
