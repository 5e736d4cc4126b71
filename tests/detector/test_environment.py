"""Keras's settings of a user do not change what the detector says, or are named where it cannot do with them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from support import noise, noise_png, run

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED

pytestmark = pytest.mark.slow

IMAGES = np.stack([noise(number, 32) for number in range(3)])
PROGRAM = """
import sys
import numpy as np
from cifake_keras import load_detector
from cifake_keras.runtime import errors
images = np.load("images.npy")
for path in (None, sys.argv[1]):
    try:
        detector = load_detector(path)
        print(*detector.predict(images))
        detector.explain(images[:1])
    except errors.UserError as error:
        print(error)
"""


def said(folder, **environment: str) -> list[str]:
    """What the program above prints of each route: predictions, and a refusal where it cannot predict or explain."""
    np.save(folder / "images.npy", IMAGES)
    line = [sys.executable, "-c", PROGRAM, str(PRETRAINED.resolve())]
    environment = os.environ | {"HOME": str(folder)} | environment
    ended = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_settings_of_keras_change_no_answer(tmp_path):
    (tmp_path / ".keras").mkdir()
    settings = {"image_data_format": "channels_first", "floatx": "float16"}
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    lines = said(tmp_path)
    for place, path in ((0, None), (2, PRETRAINED)):
        answers = np.array(lines[place].split(), float)
        assert answers == pytest.approx(load_detector(path).predict(IMAGES), abs=1e-6)
        assert "Keras's image data format is channels_first here, and explain needs channels_last" in lines[place + 1]


def test_a_backend_that_is_not_installed_is_named(tmp_path):
    answers, *refusals = said(tmp_path, KERAS_BACKEND="jax")
    assert np.array(answers.split(), float) == pytest.approx(load_detector().predict(IMAGES), abs=1e-6)
    assert len(refusals) == 2
    assert all("(No module named 'jax'): set KERAS_BACKEND=tensorflow" in refusal for refusal in refusals)


def test_settings_of_keras_do_not_matter_on_the_command_line(tmp_path):
    (tmp_path / ".keras").mkdir()
    settings = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1, "backend": "jax"}
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "a.png").write_bytes(noise_png(0))
    line = ("explain", tmp_path / "a.png", "--output", "-")
    expected = run(*line).stdout_bytes
    program, environment = [sys.executable, "-m", "cifake_keras.cli"], {"HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    done = subprocess.run([*program, *line], env=os.environ | environment, capture_output=True)
    assert expected.startswith(b"\x89PNG") and done.stdout == expected
