"""Whether prepared data are unchanged: the stored images, and the arrays made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cifake_keras.protocol import IMAGE_SIZE, KERNELS
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track
from cifake_keras.runtime.text import named
from cifake_keras.sources import prepared, reading
from cifake_keras.sources.fingerprint import RECORD

# So many images that differ are named.
_NAMED = 5


@dataclass(frozen=True)
class Verification:
    """images, fingerprint: of the images that could be read. recorded: whether a fingerprint was kept to compare with.

    wrong: a clause for every part of the data set that has changed; empty where nothing has.
    """

    images: int
    fingerprint: str
    recorded: bool
    wrong: list[str]

    def __str__(self) -> str:
        if self.wrong:
            return "; ".join(self.wrong)
        summary = f"{self.images:,} images, fingerprint {self.fingerprint}"
        return summary + (", as prepared" if self.recorded else "; there is none to compare with: --record keeps it")


def verify(folder: Path) -> Verification:
    """Decodes every stored image of the data set in `folder`, and compares with its fingerprint and its arrays."""
    with prepared.quiet_tfds():
        sources = prepared.stored(folder)
        places = [(split, number) for split, source in sources.items() for number in range(len(source))]
        copies = _copies(folder, len(places))
        rows, unreadable = [], []
        for place, (split, number) in enumerate(track(places, f"Verifying {folder.parent.name}", len(places))):
            if example := _read(sources[split].__getitem__, number):
                rows.append(prepared.row(split, example))
                for copy in copies:
                    copy.compare(place, rows[-1], example["image"])
            else:
                unreadable.append(f"{split} {number}")
    fingerprint = prepared.fingerprint_of(pd.DataFrame(rows, columns=prepared.COLUMNS))
    recorded = _recorded(folder)
    wrong = _stored(folder, fingerprint, recorded, unreadable)
    wrong += [clause for copy in copies for clause in copy.wrong()]
    return Verification(len(rows), fingerprint, recorded is not None, wrong)


def record(folder: Path, verification: Verification) -> None:
    """Keeps the fingerprint of data that an older version prepared, which kept none."""
    files.write_json(folder / RECORD, {"images": verification.images, "fingerprint": verification.fingerprint})


def _recorded(folder: Path) -> str | None:
    path = folder / RECORD
    with prepared.as_prepared(folder):
        return str(files.read_json(path)["fingerprint"]) if path.exists() else None


def _stored(folder: Path, fingerprint: str, recorded: str | None, unreadable: list[str]) -> list[str]:
    if unreadable:
        problem = f"cannot be read: {named(unreadable, _NAMED)}"
    elif recorded in (None, fingerprint):
        return []
    else:
        problem = f"have the fingerprint {fingerprint} instead of {recorded}"
    return [f"stored images {problem} (delete {folder} and prepare it anew)"]


@dataclass
class _Copy:
    """A file made of the stored images, a row each. rows: None where the file is damaged; make: gives a row."""

    path: Path
    rows: Sequence | None
    make: Callable[[tuple, np.ndarray], Any]
    differing: list[str] = field(default_factory=list)

    def compare(self, place: int, row: tuple, image: np.ndarray) -> None:
        if self.rows is not None and not np.array_equal(self.rows[place], self.make(row, image)):
            self.differing.append(row[3])

    def wrong(self) -> list[str]:
        if self.rows is not None and not self.differing:
            return []
        problem = "is damaged" if self.rows is None else f"differs at {named(self.differing, _NAMED)}"
        return [f"{self.path.parent.name}/{self.path.name} {problem} (delete {self.path.parent}, which is made anew)"]


def _copies(folder: Path, count: int) -> list[_Copy]:
    copies = []
    for kernel in KERNELS:
        arrays = folder / f"{IMAGE_SIZE}-{kernel}"
        if arrays.exists():
            resize = partial(_resize, kernel)
            copies.append(_Copy(arrays / "images.npy", _read(_images, arrays / "images.npy", count), resize))
            copies.append(_Copy(arrays / "examples.csv", _read(_rows, arrays / "examples.csv", count), _text))
    return copies


def _read(read: Callable, *arguments: object) -> Any:
    """None where it fails: numpy, pandas, array_record and decoders meet damage with errors of any kind."""
    try:
        return read(*arguments)
    except Exception:
        return None


def _images(path: Path, count: int) -> np.ndarray | None:
    images = np.load(path, mmap_mode="r")
    return images if (images.dtype, images.shape) == (np.uint8, (count, IMAGE_SIZE, IMAGE_SIZE, 3)) else None


def _rows(path: Path, count: int) -> list[tuple] | None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)[prepared.COLUMNS]
    return list(table.itertuples(index=False, name=None)) if len(table) == count else None


def _resize(kernel: str, _row: tuple, image: np.ndarray) -> np.ndarray:
    return reading.resize(image, IMAGE_SIZE, kernel)


def _text(row: tuple, _image: np.ndarray) -> tuple:
    return tuple(map(str, row))
