"""A detector on LiteRT, which starts in a tenth of a second, without TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from cifake_keras.runtime import silence
from cifake_keras.runtime.errors import UserError

FILE = "model.tflite"  # beside a SavedModel


def load(path: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """A function of images, float32 [n, 32, 32, 3] in [0, 1], that returns probability_fake, float32 [n].

    Raises UserError where the file is not a detector's.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; name another model.")
    try:
        with silence.standard_error():  # LiteRT writes there what it computes with
            run = Interpreter(model_path=str(path), num_threads=threads).get_signature_runner("serving_default")
            run(image=np.zeros((1, 32, 32, 3), np.float32))["probability_fake"]
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a detector for LiteRT, or damaged; export it anew.") from error
    return lambda images: run(image=images)["probability_fake"]
