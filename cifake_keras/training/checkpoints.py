"""The state of a training, from which it goes on as if it had never stopped. Imports no TensorFlow."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say

if TYPE_CHECKING:
    import keras


_STATE = 2**24  # bytes that the state may take beside the variables


@dataclass
class State:
    """How far a training is.

    epoch: finished ones. step, seconds: finished ones of the epoch that is not, and what they took. history: of each
    finished epoch the values of each model that trains.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, list]] = field(default_factory=list)

    def finish_epoch(self, values: dict[str, list]) -> None:
        self.history.append(values)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0


class Checkpoint:
    """A file that holds the variables of a training beside its state; none where `path` is None.

    Order and draws of the images follow from seed and epoch, so the variables are all there is to keep.
    """

    def __init__(self, path: Path | None, variables: Sequence["keras.Variable"]):
        self._path, self._variables = path, variables

    def save(self, state: State) -> None:
        if self._path:
            arrays = {str(i): variable.numpy() for i, variable in enumerate(self._variables)}
            with files.replacing(self._path) as temporary:
                np.savez(temporary, state=json.dumps(asdict(state)), **arrays)

    def restore(self) -> State:
        """Sets the variables, unless there is no file. A damaged one is set aside, and the training begins anew."""
        if not (self._path and self._path.exists()):
            return State()
        try:
            state, values = self._read(self._path)
        except Exception as error:  # numpy, zipfile, zlib and json meet damage with errors of any kind
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
            say(f"{self._path} is damaged ({textwrap.shorten(str(error), 100)}): kept as {aside.name}, begun anew")
            return State()
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
        return state

    def _read(self, path: Path) -> tuple[State, list[np.ndarray]]:
        """All of it, before any variable is set. Raises ValueError where it is another network's."""
        size = sum(variable.numpy().nbytes for variable in self._variables)
        with files.arrays_in(path, 2 * size + _STATE) as arrays:
            values = [arrays[str(i)] for i in range(len(self._variables))]
            state = _state(arrays)
        if any(value.shape != tuple(variable.shape) for value, variable in zip(values, self._variables, strict=True)):
            raise ValueError("its arrays have other shapes")
        return state, values


def read(path: Path) -> State:
    """The state alone. Raises FileNotFoundError, or BadZipFile where the file vanishes meanwhile."""
    files.require_file(path)
    with np.load(path, allow_pickle=False) as arrays:
        return _state(arrays)


def _state(arrays: np.lib.npyio.NpzFile) -> State:
    return State(**json.loads(str(arrays["state"])))
