"""SavedModels with a frozen backbone or a pretrained autoencoder inside: in other formats, and in TensorFlow alone.

Each network is as small as it goes, with random weights.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from support import noise, noise_png

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.conditions.path import Networks
from cifake_keras.detector import formats, saved_model, tfjs
from cifake_keras.models import neighbours
from cifake_keras.models.backbones import clip_vit_b16
from cifake_keras.protocol import (
    BACKBONES,
    CLASSIFIERS,
    CONDITIONS,
    STEPS,
    UNIT,
    Classifier,
    Head,
    Hyperparameters,
    Step,
    Steps,
    Transformer,
    VariationalAutoencoder,
)

pytestmark = pytest.mark.slow

IMAGES = np.stack([noise(number, 32) for number in range(20)]).astype(np.float32) / 255
LABELS = np.arange(len(IMAGES)) % 2

# By the head: the steps before it, each network once.
SYSTEMS = {"linear": ("taef2", "clip_vit_b16"), "dense": ("sd3_vae", "dinov2"), "neighbours": ("mobilenet",)}


def _small(step: Step) -> Step:
    settings = step.settings
    if isinstance(settings, VariationalAutoencoder):
        return replace(step, settings=replace(settings, filters=(32, 32, 32, 32), blocks=1))
    if isinstance(settings, Transformer):
        sizes = {"hidden_dim": 64, "num_layers": 1, "num_heads": 2, "intermediate_dim": 128}
        arguments = tuple((dict(settings.arguments) | sizes).items())
        return replace(step, settings=replace(settings, arguments=arguments, side=56), gives=(64,))
    return replace(step, settings=replace(settings, side=32))


def _fitted(head: str, steps: Steps, networks: Networks) -> keras.Sequential:
    """A head on their features, fitted where it is fitted at once."""
    CLASSIFIERS["small"] = Classifier("small", "small", network=head, settings=Head(*steps[-1].gives))
    classifier = models.build("small")
    if models.is_fitted_at_once("small"):
        features = path.walk(IMAGES, steps, networks, UNIT).numpy()
        models.fit(classifier, features, LABELS, Hyperparameters(0.0, 1e-1, 1))
    return classifier


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, Path]:
    """The SavedModels by their heads."""
    pytest.importorskip("keras_hub")
    root = tmp_path_factory.mktemp("systems")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_vit_b16, "_BLOCKS", 1)
        patch.setattr(neighbours, "IMAGES", 50)
        patch.setitem(CLASSIFIERS, "small", None)
        for head, names in SYSTEMS.items():
            steps = tuple(_small((STEPS | BACKBONES)[name]) for name in names)
            networks = {step.name: path.build(step) for step in steps}
            condition = replace(CONDITIONS["baseline"], steps=steps)
            saved_model.write(root / head, condition, _fitted(head, steps, networks), networks, "bilinear", {})
    return {head: root / head for head in SYSTEMS}


@pytest.mark.parametrize("head", SYSTEMS)
@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_a_system_answers_in_other_formats_as_it_does_in_tensorflow(head, form, saved, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    spread = np.ptp(saved_model.load(saved[head])(IMAGES))
    assert formats.write(saved[head], form, tmp_path / "model") < spread / 50


def test_tensorflow_js_has_the_types_of_all_weights(saved, tmp_path):
    """Of nearest neighbours, too, which are kept in float16."""
    formats.write(saved["neighbours"], "tfjs", tmp_path / "model")
    (group,) = json.loads((tmp_path / "model" / tfjs.MODEL).read_text())["weightsManifest"]
    assert {weight["dtype"] for weight in group["weights"]} <= {"float32", "int32", "bool", "string"}


ALONE = """
import sys
sys.modules |= dict.fromkeys(("cifake_keras", "keras", "keras_hub"))
import tensorflow as tf
file = tf.io.read_file(sys.argv[1])
image = tf.image.convert_image_dtype(tf.io.decode_png(file, 3), tf.float32)
for folder in sys.argv[2:]:
    loaded = tf.saved_model.load(folder)
    pixels = loaded.signatures["serving_default"](image=image[None])["probability_fake"]
    content = loaded.signatures["serve_bytes"](image_bytes=file[None])["probability_fake"]
    print(float(pixels[0]), float(content[0]))
"""


def test_systems_answer_where_there_is_tensorflow_alone(saved, tmp_path):
    """By both signatures, without this package, Keras and keras-hub."""
    (tmp_path / "0.png").write_bytes(noise_png(0, 32))
    line = [sys.executable, "-c", ALONE, tmp_path / "0.png", *saved.values()]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    answers = [[float(number) for number in answer.split()] for answer in ended.stdout.splitlines()]
    expected = [2 * [saved_model.load(folder)(IMAGES[:1])[0]] for folder in saved.values()]
    np.testing.assert_allclose(answers, expected, atol=1e-5)
