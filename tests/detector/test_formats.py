"""The detector in the formats of other runtimes gives the same probabilities there."""

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from google.protobuf import text_format
from support import noise, refused

from cifake_keras import load_detector
from cifake_keras.cli import main
from cifake_keras.detector import PRETRAINED, saved_model
from cifake_keras.protocol import CONDITIONS
from cifake_keras.sources import scenes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """256, of which none is among those that the export itself compares."""
    made = [scenes.images(recipe, 32, seed=1) for recipe in scenes.RECIPES]
    return np.concatenate([*made, [noise(number, 32) for number in range(32)]])


def exported(form: str, path, *options: str):
    result = CliRunner().invoke(main, ["export", "--format", form, "--output", str(path), *options])
    assert result.exit_code == 0, result.output
    assert f"{path}: the probabilities of 256 images differ" in result.output
    return path


def largest_difference(probabilities: np.ndarray, images: np.ndarray) -> float:
    expected = load_detector().predict(images)
    assert np.ptp(expected) > 0.4, "else a constant would do"
    return np.abs(probabilities - expected).max()


@pytest.mark.parametrize("form, name", [("savedmodel", "copy"), ("litert", "model.tflite")])
def test_what_the_package_reads_itself(images, tmp_path, form, name):
    path = exported(form, tmp_path / name)
    assert largest_difference(load_detector(path).predict(images), images) < 1e-3


def test_onnx_runtime(images, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(exported("onnx", tmp_path / "model.onnx"))
    (probabilities,) = session.run(["probability_fake"], {"image": images / np.float32(255)})
    assert largest_difference(probabilities, images) < 1e-3
    assert session.run(None, {"image": np.zeros((1, 32, 32, 3), np.float32)})[0].shape == (1,), "any batch"


def test_tensorflow_serving(images, tmp_path):
    """What the server would read, by its own messages; the requests are replayed as it does on loading the model."""
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    prediction_log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = exported("serving", tmp_path / "models")
    listed = text_format.Parse((path / "models.config").read_text(), config.ModelServerConfig())
    (served,) = listed.model_config_list.config
    assert (served.name, served.base_path, served.model_platform) == ("cifake", "/models/cifake", "tensorflow")
    model = path / "cifake" / "1"
    loaded = tf.saved_model.load(model)
    warm = {}
    for record in tf.data.TFRecordDataset(str(model / "assets.extra" / "tf_serving_warmup_requests")):
        request = prediction_log.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(values)) for name, values in request.inputs.items()}
        assert request.model_spec.name == served.name
        signature = request.model_spec.signature_name
        warm[signature] = loaded.signatures[signature](**inputs)["probability_fake"].numpy()
    assert warm.keys() == set(loaded.signatures)
    assert all(answer.shape == (1,) and np.isfinite(answer).all() for answer in warm.values())
    assert largest_difference(load_detector(model).predict(images), images) < 1e-3


def test_float16_takes_half_the_room(images, tmp_path):
    path = exported("litert", tmp_path / "half.tflite", "--float16")
    assert largest_difference(load_detector(path).predict(images), images) < 1e-2
    assert path.stat().st_size < 4.3e6
    exported("tfjs", tmp_path / "half", "--float16")
    assert (tmp_path / "half" / "weights.bin").stat().st_size < 4.3e6


def test_what_computes_otherwise_is_not_kept(tmp_path):
    """A weight of 100,000 is infinite in float16."""
    classifier = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    kernel = np.resize([1e5, -1e5], (3072, 1))
    classifier.set_weights([kernel, np.zeros(1)])
    saved_model.write(tmp_path / "model", CONDITIONS["baseline"], classifier, {}, "bilinear", {})
    told = refused("export", tmp_path / "model", "--format", "tfjs", "--float16", "--output", tmp_path / "half")
    assert "gives other probabilities" in told
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("form", ["litert", "onnx"])
def test_what_a_format_cannot_compute_is_refused(form, tmp_path):
    layers = keras.layers.Lambda(lambda x: tf.math.lgamma(1 + x)), keras.layers.Flatten(), keras.layers.Dense(1)
    classifier = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    saved_model.write(tmp_path / "model", CONDITIONS["baseline"], classifier, {}, "bilinear", {})
    told = refused("export", tmp_path / "model", "--format", form, "--output", tmp_path / "other")
    assert f"does not run as {form} (" in told and told.endswith("export it to another format.")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["a link to a file", "a link to a folder", "a link to a device", "a pipe"])
def test_a_savedmodel_with_what_is_not_its_own_is_not_copied(kind, tmp_path):
    model = Path(shutil.copytree(PRETRAINED, tmp_path / "model"))
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    inside = model / "assets" / "key"
    inside.parent.mkdir()
    if kind == "a pipe":
        os.mkfifo(inside)
    else:
        targets = {"a link to a file": tmp_path / "private" / "key", "a link to a folder": tmp_path / "private"}
        inside.symlink_to(targets.get(kind, Path("/dev/zero")))
    output = ("--format", "savedmodel", "--output", tmp_path / "copied")
    assert "is a link, a pipe or a device" in refused("export", model, *output)
    assert not (tmp_path / "copied").exists()


def test_refusals(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    new = ("--output", tmp_path / "new")
    assert "--float16 goes with litert and tfjs alone" in refused("export", "--format", "onnx", "--float16", *new)
    assert "is not the SavedModel of a detector" in refused("export", tmp_path, "--format", "tfjs", *new)
    assert "is there already" in refused("export", "--format", "tfjs", "--output", tmp_path / "file")
    assert "is there already" in refused("page", "--output", tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_serving.apis", None)
    assert "pip install 'cifake-keras[serving]'" in refused("export", "--format", "serving", *new)
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    assert "pip install 'cifake-keras[onnx]'" in refused("export", "--format", "onnx", *new)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
