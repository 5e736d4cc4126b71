"""The detector of pictures as they are: one picture, one answer on every route, and what its model card says."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from newcomer import ROOT
from PIL import Image
from support import encoded, noise

from cifake_keras import load_detector
from cifake_keras.cli import main
from cifake_keras.detector import PRETRAINED_NATIVE, model_card
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading


def picture(number: int, width: int, height: int) -> Image.Image:
    """Smooth at some scale, which grows with the number."""
    side = max(8, 200 // (1 + number))
    return Image.fromarray(noise(number, side)).resize((width, height), Image.Resampling.BICUBIC)


SIZES = [(64, 64), (300, 200), (600, 1000), (1100, 1500), (2100, 70)]
FILES = [encoded(picture(number, *size), "JPEG" if number % 2 else "PNG") for number, size in enumerate(SIZES)]


@pytest.fixture(scope="module")
def expected():
    found = load_detector().predict([reading.decode(content) for content in FILES])
    assert np.ptp(found) > 0.1
    return found


ELSEWHERE = """
import sys, numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
files = [open(name, "rb").read() for name in sys.argv[2:]] + [b"no picture, but long enough to be looked at as one is"]
print(*loaded.signatures["serve_bytes"](image_bytes=tf.constant(files))["probability_fake"].numpy())
assert not any(name.startswith("cifake") for name in sys.modules)
"""


@pytest.mark.slow
def test_tensorflow_answers_alike_without_the_package(expected, tmp_path):
    paths = [tmp_path / f"{number}" for number in range(len(FILES))]
    for path, content in zip(paths, FILES, strict=True):
        path.write_bytes(content)
    line = [sys.executable, "-c", ELSEWHERE, PRETRAINED_NATIVE.resolve(), *paths]
    *found, refused = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    assert np.array(found, float) == pytest.approx(expected, abs=1e-3) and refused == "nan"


@pytest.mark.slow
@pytest.mark.parametrize("form, name", [("savedmodel", "copy"), ("litert", "model.tflite"), ("keras", "model.keras")])
def test_other_formats_answer_alike_at_any_size(form, name, expected, tmp_path):
    path = tmp_path / name
    done = CliRunner().invoke(main, ["export", str(PRETRAINED_NATIVE), "--format", form, "--output", str(path)])
    assert done.exit_code == 0, done.output
    image = reading.decode(FILES[1])
    if form == "keras":
        import keras

        (logit,) = keras.saving.load_model(path)(image[None] / np.float32(255)).numpy()[:, 0]
        assert 1 / (1 + np.exp(-logit)) == pytest.approx(expected[1], abs=1e-3)
    else:  # beside LiteRT's there is no model card
        assert load_detector(path).predict(image) == pytest.approx(expected[1:2], abs=1e-3)


@pytest.mark.slow
def test_it_explains_a_picture_in_its_size():
    native = load_detector().larger
    maps = native.explain(reading.decode(FILES[1]))
    assert set(maps) == {"vanilla_gradient", "smoothgrad", "grad_cam"}
    assert all(values.shape == (1, 200, 300) and values.max() > 0 for values in maps.values())
    with pytest.raises(UserError, match="differ in size"):
        native.explain([reading.decode(content) for content in FILES[:2]])


def test_its_model_card_says_what_the_results_say():
    model_card.check(PRETRAINED_NATIVE)
    card = model_card.read(PRETRAINED_NATIVE)
    results = ROOT / "results" / "detectors"
    assert card["candidate"] == pd.read_csv(results / "native.csv")["candidate"].iloc[0]
    rows = pd.read_csv(results / "native_families.csv").query("candidate == @card['candidate']")
    stated = pd.DataFrame(card["development"])
    pd.testing.assert_frame_equal(stated, rows[stated.columns].reset_index(drop=True), atol=0.002)
    pd.testing.assert_frame_equal(pd.DataFrame(card["last_look"]), pd.read_csv(results / "last_look.csv"))
    unsure = [point["unsure"] for point in card["verdicts"]]
    assert unsure == sorted(unsure, reverse=True) and card["weights"] and card["limits"]
