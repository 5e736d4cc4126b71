"""Images as rows of an array that stays on disk: uint8 pixels, float16 reconstructions or features."""

import contextlib
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cifake_keras.protocol import IMAGE_SIZE


class Rows:
    """The rows of a .npy file, read when they are indexed.

    The pages of a memory map would count as the process's own memory; these do not, so that a source may be larger
    than memory. shape and dtype are the whole array's.
    """

    def __init__(self, path: Path):
        mapped = np.load(path, mmap_mode="r")
        self.shape, self.dtype = mapped.shape, mapped.dtype
        self._start, self._row_bytes = mapped.offset, mapped[:1].nbytes
        self._file = open(path, "rb")  # noqa: SIM115

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """[len(rows), ...]: the rows at the positions of `rows`, in that order."""
        taken = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in zip(taken, rows.tolist(), strict=True):
            os.preadv(self._file.fileno(), [place], self._start + row * self._row_bytes)
        return taken


@contextlib.contextmanager
def writing(path: Path, count: int, dtype: type) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields a function that appends images [..., 32, 32, 3] to a .npy file of `count` of them.

    Not a memory map, which ends the process with SIGBUS on a full disk.
    """
    with open(path, "wb") as file:
        file.write(_header((count, IMAGE_SIZE, IMAGE_SIZE, 3), dtype))

        def append(images: np.ndarray) -> None:
            file.write(images.astype(dtype, copy=False).tobytes())

        yield append


@contextlib.contextmanager
def continuing(
    path: Path, shape: tuple[int, ...], dtype: type, together: int
) -> Iterator[tuple[int, Callable[[np.ndarray], None]]]:
    """Yields how many rows of a .npy file of that shape are there, and a function that appends others.

    Those are there that an earlier process wrote before it was killed; of `together` rows, all or none. What is
    appended is on disk when the function returns.
    """
    header, row = _header(shape, dtype), math.prod(shape[1:]) * np.dtype(dtype).itemsize
    with open(path, "ab") as file:
        rows = max(0, file.tell() - len(header)) // row // together * together
        file.truncate(len(header) + rows * row if rows else 0)
        file.write(b"" if rows else header)

        def append(images: np.ndarray) -> None:
            file.write(images.astype(dtype, copy=False).tobytes())
            file.flush()
            os.fsync(file.fileno())

        yield rows, append


def _header(shape: tuple[int, ...], dtype: type) -> bytes:
    header = io.BytesIO()
    described = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()
