"""The detector that comes with the package: the same answers on every route, and what it says of bad input."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import REAL_DATA, picture

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED, model_card
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading, walk

CONTENTS = [picture(number, fake) for number in range(128) for fake in (False, True)]
IMAGES = np.stack([reading.decode(content) for content in CONTENTS])
UNIT = (IMAGES / 255).astype(np.float32)


@pytest.fixture(scope="module")
def probabilities():
    found = load_detector().predict(IMAGES)
    assert found.shape == (256,) and found.dtype == np.float32 and np.ptp(found) > 0.1
    return found


ELSEWHERE = """
import sys, keras, numpy as np, tensorflow as tf
folder, images = sys.argv[1], np.load("images.npy")
loaded = tf.saved_model.load(folder)
np.save("load.npy", loaded.signatures["serving_default"](image=images)["probability_fake"])
layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
np.save("layer.npy", layer(images)["probability_fake"])
assert not any(name.startswith("cifake") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with what TensorFlow says by itself."""
    folder = tmp_path_factory.mktemp("elsewhere")
    np.save(folder / "images.npy", UNIT)
    subprocess.run([sys.executable, "-c", ELSEWHERE, PRETRAINED.resolve()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("route", ["load", "layer"])
def test_tensorflow_and_keras_answer_alike_without_the_package(route, elsewhere, probabilities):
    assert np.abs(np.load(elsewhere / f"{route}.npy") - probabilities).max() < 1e-3


@pytest.mark.slow
def test_saved_model_cli_answers_alike(tmp_path, probabilities):
    np.save(tmp_path / "images.npy", UNIT)
    line = f"run --dir {PRETRAINED.resolve()} --tag_set serve --signature_def serving_default --outdir {tmp_path}"
    inputs = ["--inputs", f"image={tmp_path / 'images.npy'}"]
    program = Path(sys.executable).with_name("saved_model_cli")
    subprocess.run([program, *line.split(), *inputs], check=True, capture_output=True)
    assert np.abs(np.load(tmp_path / "probability_fake.npy") - probabilities).max() < 1e-3


def test_litert_answers_alike(probabilities):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(PRETRAINED / "model.tflite")).get_signature_runner("serving_default")
    assert np.abs(run(image=UNIT)["probability_fake"] - probabilities).max() < 1e-3


def test_the_package_runs_the_savedmodel_too(probabilities):
    assert np.abs(load_detector(PRETRAINED).predict(IMAGES) - probabilities).max() < 1e-3


def test_a_request_to_tensorflow_serving_is_answered_alike(probabilities):
    """As its REST API takes it: a name that ends in _bytes holds {"b64": ...}, which the server decodes."""
    import tensorflow as tf

    instances = [{"image_bytes": {"b64": base64.b64encode(content).decode()}} for content in CONTENTS]
    body = json.loads(json.dumps({"signature_name": "serve_bytes", "instances": instances}))
    loaded = tf.saved_model.load(PRETRAINED)
    (name,) = loaded.signatures[body["signature_name"]].structured_input_signature[1]
    served = [base64.b64decode(instance[name]["b64"]) for instance in body["instances"]]
    answers = loaded.signatures[body["signature_name"]](**{name: tf.constant(served)})["probability_fake"]
    assert name.endswith("_bytes") and np.abs(answers.numpy() - probabilities).max() < 1e-3


def test_arrays_paths_and_data_sets_are_answered_alike(tmp_path):
    import tensorflow as tf

    detector, images = load_detector(), np.stack([reading.decode(picture(number, True, 96)) for number in range(4)])
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number, True, 96))
    expected = detector.predict(images)
    single = tf.data.Dataset.from_tensor_slices((images, [0, 1, 1, 0]))
    ways = [paths, [str(path) for path in paths], iter(images), [images[0], *paths[1:]], single, single.batch(3)]
    ways.append(single.map(lambda image, label: {"image": image, "label": label}))
    for way in ways:
        assert detector.predict(way) == pytest.approx(expected, abs=1e-6)
    assert detector.predict(paths[2]) == detector.predict(images[2]) == pytest.approx(expected[2:3], abs=1e-6)
    assert detector.predict([]).shape == (0,)


NO_PIXELS = np.zeros((0, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        UNIT,
        IMAGES[..., 0],
        np.zeros((2, 8, 8, 4), np.uint8),
        3,
        [None],
        "no.jpg",
        NO_PIXELS,
        [NO_PIXELS],
        NO_PIXELS[None],
    ],
)
def test_what_is_no_image_is_refused(images):
    with pytest.raises(UserError, match=r"uint8|no\.jpg: No such file"):
        load_detector().predict(images)


def test_the_network_that_is_explained_is_the_one_that_answers(probabilities):
    from cifake_keras.detector import saved_model

    detector = load_detector()
    _, classifier, _ = saved_model.read(PRETRAINED, detector.card)
    logits = classifier(UNIT).numpy()[:, 0]
    assert 1 / (1 + np.exp(-logits)) == pytest.approx(probabilities, abs=1e-4)
    maps = detector.explain(IMAGES[:2])
    assert set(maps) == {"vanilla_gradient", "smoothgrad", "grad_cam"}
    assert all(values.shape == (2, 32, 32) and values.max() > 0 for values in maps.values())


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(PRETRAINED, tmp_path / "copy"))


@pytest.mark.parametrize("name", ["model.tflite", "variables/variables.data-00000-of-00001"])
def test_a_damaged_model_is_refused(name, copy):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}.* damaged"):
        load_detector(copy / name if name == "model.tflite" else copy)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": -3}, "threshold is -3"),
        ({"threshold": "0.5"}, "threshold is '0.5'"),
        ({"verdicts": 5}, "its verdicts are no rows"),
        ({"verdicts": [{"error_rate": 0.05, "real_below": 0.4}]}, "its verdicts are no rows"),
        ({"kernel": "sinc"}, "kernel is 'sinc'"),
        ({"kernel": ["bilinear"]}, "kernel is"),
        ({"sha256": None}, "sha256 does not list"),
        ({"sha256": {"model.tflite": 7}}, "sha256 does not list"),
    ],
)
def test_a_tampered_model_card_is_refused(change, reason, copy):
    path = copy / model_card.MODEL_CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for model in (copy, copy / "model.tflite"):
        with pytest.raises(UserError, match=f"is no model card of this package: {reason}"):
            load_detector(model)


@pytest.mark.parametrize("content", ["[]", "7", '"x"', "[" * 100_000, "{"])
def test_what_is_no_model_card_is_refused(content, copy):
    (copy / model_card.MODEL_CARD).write_text(content)
    with pytest.raises(UserError, match=r"is no model card|is damaged"):
        load_detector(copy / "model.tflite")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no model", (PRETRAINED / "model.tflite").read_bytes()[:10_000]])
def test_what_is_no_model_for_litert_is_refused(content, tmp_path):
    (tmp_path / "other.tflite").write_bytes(content)
    with pytest.raises(UserError, match="not a detector for LiteRT"):
        load_detector(tmp_path / "other.tflite")


def test_models_of_another_kind_are_refused(tmp_path):
    import tensorflow as tf

    (tmp_path / "model.keras").write_bytes(b"")
    for model in (tmp_path / "model.keras", tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="is no model"):
            load_detector(model)
    other = tf.Module()
    other.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(other, tmp_path / "other", other.double)
    with pytest.raises(UserError, match="not the SavedModel of a detector"):
        load_detector(tmp_path / "other")


def test_a_model_without_a_savedmodel_cannot_be_explained(copy):
    alone = shutil.copy(copy / "model.tflite", copy.parent / "alone.tflite")
    with pytest.raises(UserError, match="Only a SavedModel"):
        load_detector(alone).explain(IMAGES[:1])


def test_the_model_card_is_that_of_the_files_and_says_how_good_it_is():
    model_card.check(PRETRAINED)
    card = load_detector().card
    savedmodel = [path for path in PRETRAINED.rglob("*") if path.is_file() and path.suffix != ".tflite"]
    assert sum(path.stat().st_size for path in savedmodel) < 10e6
    assert card["preset"] == "available" and card["n_train"] > 100_000 and card["threshold"] == 0.5 and card["limits"]
    assert set(card["tests"]) == {"cifake", "sdv15"}
    for scores in card["tests"].values():
        for name, (low, high) in scores["clean"]["intervals"].items():
            assert low < scores["clean"][name] < high


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="needs CIFAKE")
def test_its_accuracy_is_the_model_cards():
    from cifake_keras.splits import composition

    root = Path(REAL_DATA)
    validation = composition.read_validation_files(root / "isitcap")
    archive = root / "cifake" / "archive.zip"
    listed = {f"test/{name}" for name in validation}
    names = [name for name in walk.find(archive).images if name.startswith("test/") and name not in listed]
    fake = np.array([name.startswith("test/FAKE/") for name in names])
    detector = load_detector()
    found = detector.predict(reading.decode(content) for _, content in reading.read(archive, names))
    assert len(names) == 10_000
    assert ((found >= detector.threshold) == fake).mean() == detector.card["tests"]["cifake"]["clean"]["accuracy"]
