"""A file of arrays that belong together, each under the name of its field."""

import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import arrays_in, replacing

# What numpy raises on a file cut short, overwritten or of another kind.
_DAMAGED: tuple[type[Exception], ...] = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    AttributeError,
)
_DAMAGED += (zipfile.BadZipFile, zlib.error)


class Arrays:
    """What dataclasses of arrays are made from, that a grid writes into a phase's folder when its cells are done."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises UserError where the file is damaged."""
        try:
            with arrays_in(path) as arrays:
                loaded = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            loaded.check()
        except _DAMAGED as error:
            raise UserError(f"{path} is damaged ({error}); delete it and run the grid again.") from error
        return loaded

    def write(self, path: Path) -> None:
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})

    def check(self) -> None:
        """Raises ValueError where an array is not what it should be."""
        raise NotImplementedError

    def check_shapes(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Raises ValueError where an array has not the shape that belongs to its name."""
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}")
