"""What a long measurement has come to so far: a killed one goes on from there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say


class Parts:
    """Arrays by name, a file each in `folder`, until the whole is written.

    finished: takes how many there are, whenever there is another one. before: how many an earlier attempt left.
    """

    def __init__(self, folder: Path, finished: Callable[[int], None]):
        self._folder, self._finished, self._count = folder, finished, 0
        self.before = len(list(folder.glob("[!.]*.npy")))

    def once(self, name: str, measure: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that name, measured unless an earlier attempt came to it."""
        path = self._folder / f"{name}.npy"
        array = _read(path)
        if array is None:
            array = measure()
            with files.replacing(path) as temporary:
                np.save(temporary, array)
        self._count += 1
        self._finished(self._count)
        return array


def _read(path: Path) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        files.require_file(path)
        return np.load(path, allow_pickle=False)
    except (EOFError, ValueError) as error:
        say(f"{path} is damaged ({error}) and measured again")
        return None
