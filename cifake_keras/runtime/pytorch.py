"""The tensors of a PyTorch file (.pth), read without PyTorch: pickles and raw numbers, in a zip archive since 2020."""

import io
import pickle  # nosec B403 # restricted below
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from cifake_keras.runtime.errors import UserError

_MOST = 2**20  # bytes of the pickle: a network's has some ten thousand
_ERRORS = (
    *(AttributeError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)


class _Storage(NamedTuple):
    """Where the numbers of tensors lie."""

    dtype: np.dtype
    key: str
    size: int


class _Tensor(NamedTuple):
    """A part of a storage."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def tensors(path: Path, member: str = "") -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, float16, float32 or int64. member: the file, where `path` is an archive.

    Raises UserError where the file holds anything else.
    """
    try:
        file = io.BytesIO(zipfile.ZipFile(path).read(member) if member else path.read_bytes())
        return _of_archive(file) if zipfile.is_zipfile(file) else _of_pickles(file)
    except _ERRORS as error:
        raise UserError(f"{path} holds more or less than PyTorch's tensors by name ({error}); use another.") from error


def _of_archive(file: BinaryIO) -> dict[str, np.ndarray]:
    """One member is the pickle, and each storage another."""
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (member for member in archive.infolist() if member.filename.endswith("/data.pkl"))
        if pickled.file_size > _MOST:
            raise ValueError(f"a pickle of {pickled.file_size:,} bytes")
        folder = pickled.filename.removesuffix(".pkl")
        named = _named(_Unpickler(io.BytesIO(archive.read(pickled))).load())
        return _filled(named, lambda storage: archive.read(f"{folder}/{storage.key}"))


def _of_pickles(file: BinaryIO) -> dict[str, np.ndarray]:
    """Three pickles of the format's own, the tensors, the order of the storages, and these, each after its length."""
    file.seek(0)
    *_, named, keys = (_Unpickler(file).load() for _ in range(5))
    storages = {of.storage.key: of.storage for of in _named(named).values()}
    content = {}
    for key in keys:
        length = 8 + storages[key].size * storages[key].dtype.itemsize
        content[key] = file.read(length)[8:]
    return _filled(named, lambda storage: content[storage.key])


def _named(loaded: Any) -> dict[str, _Tensor]:
    if not isinstance(loaded, dict) or not all(isinstance(value, _Tensor) for value in loaded.values()):
        raise ValueError("no dictionary of tensors")
    return loaded


def _filled(named: dict[str, _Tensor], read: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    return {name: _numbers(np.frombuffer(read(of.storage), of.storage.dtype), of) for name, of in named.items()}


def _numbers(storage: np.ndarray, tensor: _Tensor) -> np.ndarray:
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.start + sum((length - 1) * stride for length, stride in steps)
    if min(tensor.start, 0, *tensor.shape, *tensor.strides) < 0 or last >= len(storage):
        raise ValueError(f"a tensor beyond its {len(storage):,} numbers")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.array(np.lib.stride_tricks.as_strided(storage[tensor.start :], tensor.shape, strides))


def _tensor(storage: _Storage, start: int, shape: tuple, strides: tuple, *_: object) -> _Tensor:
    """What PyTorch calls to make a tensor of a storage."""
    return _Tensor(storage, start, shape, strides)


_KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "HalfStorage"): np.dtype("<f2"),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Knows nothing but dictionaries and tensors: a pickle may call whatever it can name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, identifier: Any) -> _Storage:
        """("storage", its numbers' type, its key, device, size)."""
        _, dtype, key, _, size, *_ = identifier
        return _Storage(dtype, key, size)
