"""A detector on LiteRT, which starts in a tenth of a second, without TensorFlow."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import LifoQueue

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from cifake_keras.runtime import silence
from cifake_keras.runtime.errors import UserError

FILE = "model.tflite"  # beside a SavedModel

_SHARE = 32 * 32 * 32  # pixels: fewer are not worth a thread

# Silence is the whole process's. By process, as a fork inherits a lock that nobody may be there to release.
_silent: dict[int, threading.Lock] = {}


def load(path: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """A function of images, float32 [n, height, width, 3] in [0, 1], that returns probability_fake, float32 [n].

    threads: how many compute at a time, for however many callers. The function works in forks of this process, too.
    Raises UserError where the file is not a detector's.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; name another model.")
    try:
        interpreters = _Interpreters(path.read_bytes(), threads)
        silent = _silent.setdefault(os.getpid(), threading.Lock())
        with silent, silence.standard_error():  # LiteRT writes there what it computes with, once
            interpreters.score(np.zeros((1, 32, 32, 3), np.float32))
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a detector for LiteRT, or damaged; export it anew.") from error
    return interpreters.score


def takes_any_size(path: Path) -> bool:
    """Whether a detector's file, which `load` takes, is for pictures as they are."""
    (image,) = Interpreter(str(path)).get_input_details()
    return bool(image["shape_signature"][1] < 0)


class _Interpreters:
    """Up to `count` interpreters of a model, each of one thread, and made when it is needed.

    An interpreter that two calls share gives one the answers of the other. LiteRT's own threads would be missing
    after a fork, and the interpreter's end would wait for them for ever.
    """

    def __init__(self, model: bytes, count: int):
        self._model, self._count = model, count
        self._idle: dict[int, LifoQueue] = {}  # by process: a fork cannot tell which of its parent's are idle

    def score(self, images: np.ndarray) -> np.ndarray:
        worth = min(len(images), images[..., 0].size // _SHARE)
        shares = np.array_split(images, min(self._count, worth) or 1)
        if len(shares) == 1:
            return self._score(images)
        with ThreadPoolExecutor(len(shares)) as executor:
            return np.concatenate(list(executor.map(self._score, shares)))

    def _score(self, images: np.ndarray) -> np.ndarray:
        idle = self._idle.get(os.getpid()) or self._idle.setdefault(os.getpid(), self._none_made())
        run = idle.get()
        try:
            run = run or Interpreter(model_content=self._model, num_threads=1).get_signature_runner("serving_default")
            return run(image=images)["probability_fake"]
        finally:
            idle.put(run)

    def _none_made(self) -> LifoQueue:
        idle: LifoQueue = LifoQueue()  # the last that was used first, so that few are made
        for _ in range(self._count):
            idle.put(None)
        return idle
