"""Files as PyTorch's `torch.save` writes them, written without PyTorch."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write(path: Path, tensors: Mapping[str, np.ndarray], storage: str = "torch HalfStorage") -> Path:
    """storage: what the pickle calls the type of the numbers, which are float16."""
    with zipfile.ZipFile(path, "w") as archive:
        pickled = [_pickled(name, str(place), of.shape, storage) for place, (name, of) in enumerate(tensors.items())]
        start = b"\x80\x02" + _called("collections OrderedDict", b")")
        archive.writestr(f"{path.stem}/data.pkl", start + b"".join(pickled) + b".")
        for place, tensor in enumerate(tensors.values()):
            archive.writestr(f"{path.stem}/data/{place}", tensor.astype("<f2").tobytes())
    return path


def former(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The format before the zip archive, of float32. The axes of a tensor lie in the storage in reverse."""
    first = b"".join(pickle.dumps(of, 2) for of in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    pickled = b"".join(
        _pickled(name, str(place), of.shape, "torch FloatStorage", reverse=True)
        for place, (name, of) in enumerate(tensors.items())
    )
    keys = pickle.dumps([str(place) for place in range(len(tensors))], 2)
    numbers = b"".join(
        int(of.size).to_bytes(8, "little") + of.T.astype("<f4").tobytes() for of in map(np.asarray, tensors.values())
    )
    return first + b"\x80\x02" + _called("collections OrderedDict", b")") + pickled + b"." + keys + numbers


def _pickled(name: str, member: str, shape: tuple[int, ...], storage: str, reverse: bool = False) -> bytes:
    """The operations that put a tensor into the dictionary on top of the stack."""
    numbers = _tuple(_value("storage"), _named(storage), _value(member), _value("cpu"), _value(int(np.prod(shape))))
    strides = [int(np.prod(shape[:place] if reverse else shape[place + 1 :])) for place in range(len(shape))]
    shaped = (_tuple(*map(_value, of)) for of in (shape, strides))
    tensor = _tuple(numbers + b"Q", _value(0), *shaped, _value(False), _called("collections OrderedDict", b")"))
    return _value(name) + _called("torch._utils _rebuild_tensor_v2", tensor) + b"s"


def _named(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def _called(name: str, arguments: bytes) -> bytes:
    return _named(name) + arguments + b"R"


def _tuple(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def _value(value: str | int | bool) -> bytes:
    """The operations of `pickle` alone, without its start and its end."""
    return pickle.dumps(value, 2)[2:-1]
