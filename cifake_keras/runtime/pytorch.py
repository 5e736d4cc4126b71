"""The tensors of a PyTorch file (.pth), read without PyTorch: a zip archive with a pickle and raw numbers."""

import math
import pickle  # nosec B403 # restricted below
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from cifake_keras.runtime.errors import UserError

_MOST = 2**20  # bytes of the pickle: a network's has some ten thousand
_ERRORS = (
    *(AttributeError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)


def tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, float16 or float32. Raises UserError where the file holds anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            named = _read(archive)
    except _ERRORS as error:
        raise UserError(f"{path} holds more or less than PyTorch's tensors by name ({error}); use another.") from error
    return named


def _read(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    (pickled,) = (member for member in archive.infolist() if member.filename.endswith("/data.pkl"))
    if pickled.file_size > _MOST:
        raise ValueError(f"a pickle of {pickled.file_size:,} bytes")
    with archive.open(pickled) as file:
        named = _Unpickler(file, archive, pickled.filename.removesuffix(".pkl")).load()
    if not isinstance(named, dict) or not all(isinstance(value, np.ndarray) for value in named.values()):
        raise ValueError("no dictionary of tensors")
    return dict(named)


def _tensor(storage: np.ndarray, start: int, shape: tuple, strides: tuple, *_: object) -> np.ndarray:
    """What PyTorch calls to make a tensor of a storage."""
    if strides != tuple(math.prod(shape[place + 1 :]) for place in range(len(shape))):
        raise ValueError(f"a tensor of the strides {strides}")
    return storage[start : start + math.prod(shape)].reshape(shape)


_KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "HalfStorage"): np.dtype("<f2"),
    ("torch", "FloatStorage"): np.dtype("<f4"),
}


class _Unpickler(pickle.Unpickler):
    """Knows nothing but dictionaries and tensors: a pickle may call whatever it can name."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str):
        super().__init__(file)
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, identifier: Any) -> np.ndarray:
        """A storage: ("storage", its numbers' type, its member of the archive, device, count)."""
        _, dtype, member, *_ = identifier
        return np.frombuffer(self._archive.read(f"{self._folder}/{member}"), dtype)
