"""What `publish` writes is read by Hugging Face's own library, by Keras alone, and by this package."""

import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support import noise, output_of, refused

from cifake_keras import load_detector, models
from cifake_keras.conditions.path import build, detector
from cifake_keras.detector import PRETRAINED, keras_file, model_card
from cifake_keras.protocol import CONDITIONS, seen_by
from cifake_keras.runtime import files

pytestmark = pytest.mark.slow

# Keras without this package: whoever asks for it is told that there is none.
_ANSWER = """
import sys
from pathlib import Path
sys.modules["cifake_keras"] = None
import keras, numpy
images = numpy.load("images.npy")
for path in Path().glob("*.keras"):
    numpy.save(path.stem, keras.saving.load_model(path).predict(images, verbose=0))
"""

# Every kind of network that is made of Keras's layers alone.
_PLAIN = [
    ("baseline", "bird_lotfi"),
    ("autoencoded", "paper"),
    ("taef2", "paper"),
    ("baseline", "mobilenet_random_linear"),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    pytest.importorskip("huggingface_hub")
    folder = tmp_path_factory.mktemp("published") / "repository"
    assert output_of("publish", folder).strip().endswith(str(folder))
    return folder


def test_the_hub_finds_metrics_with_intervals_and_what_it_is(published):
    from huggingface_hub import ModelCard

    readme = ModelCard.load(published / "README.md")
    data, card = readme.data, model_card.read(PRETRAINED)
    assert (data.library_name, data.license, data.pipeline_tag) == ("keras", "other", "image-classification")
    assert {"CIFAKE", "VOC", "SD"} < set(data.datasets), "what it was trained on"
    assert not {"ImageNet", "SDv1.5"} & set(data.datasets), "and not what it was tested on"
    results = {(result.dataset_name, result.metric_type): result for result in data.eval_results}
    scores = card["tests"]["sdv15"]["clean"]
    assert results["sdv15", "auc"].metric_value == scores["auc"]
    low, high = scores["intervals"]["accuracy"]
    assert results["sdv15", "accuracy"].metric_name == f"Accuracy, 95% interval {low:.4f} to {high:.4f}"
    assert len(results) == len(data.eval_results), "matched and clean are one here"
    assert f"{scores['accuracy']:.4f} ({low:.4f} to {high:.4f})" in readme.text
    assert all(limit in readme.text for limit in card["limits"])


def test_keras_alone_loads_the_same_networks(published, tmp_path):
    images = np.stack([noise(number, 32) for number in range(8)])
    np.save(tmp_path / "images.npy", images / np.float32(255))
    shutil.copy(published / "model.keras", tmp_path)
    probabilities = load_detector(published).predict(images)
    logits = {"model": np.log(probabilities / (1 - probabilities))[:, None]}
    for name, classifier in _PLAIN:
        condition = seen_by(classifier, CONDITIONS[name])
        networks = {step.name: build(step) for step in condition.steps if step.network}
        network = detector(condition, models.build(classifier), networks)
        keras_file.save(network, tmp_path / f"{name}-{classifier}.keras")
        logits[f"{name}-{classifier}"] = network.predict(images / np.float32(255), verbose=0)
    subprocess.run([sys.executable, "-c", _ANSWER], cwd=tmp_path, check=True, capture_output=True)
    for name, expected in logits.items():
        assert np.abs(np.load(tmp_path / f"{name}.npy") - expected).max() < 1e-3, name


def test_a_fetched_detector_is_explained_without_its_program(published, tmp_path):
    """What `hubs` fetches lacks saved_model.pb."""
    for name in ("model.tflite", "assets.extra", "variables"):
        (shutil.copytree if (published / name).is_dir() else shutil.copy)(published / name, tmp_path / name)
    fetched, image = load_detector(tmp_path / "model.tflite"), noise(1, 32)
    for method, expected in load_detector().explain(image).items():
        assert np.allclose(fetched.explain(image)[method], expected, atol=1e-6), method


def test_damage_to_what_was_published_is_refused_and_another_readme_is_not(published, tmp_path):
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    (copy / "README.md").write_text("mine")
    load_detector(copy)
    with open(copy / "model.keras", "ab") as file:
        file.write(b"x")
    assert "model.keras is missing or damaged" in refused("publish", tmp_path / "new", "--model", copy)
    assert not (tmp_path / "new").exists()


def test_a_layer_that_keras_lacks_is_named_in_place_of_a_file(tmp_path):
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    network = keras.Sequential([keras.Input((2,)), keras.Sequential([keras.layers.Dense(2), Doubled()])])
    with pytest.raises(keras_file.ForeignLayers, match="Keras alone does not know the network's Doubled:"):
        keras_file.save(network, tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_refusals(tmp_path, monkeypatch):
    model = Path(shutil.copytree(PRETRAINED, tmp_path / "model"))
    card = files.read_json(model / model_card.MODEL_CARD)
    (model / model_card.MODEL_CARD).unlink()
    new = tmp_path / "new"
    assert "has no model card of a trained cell" in refused("publish", new, "--model", model)
    files.write_json(model / model_card.MODEL_CARD, card | {"classifier": "of_later"})
    assert "a network that this version does not know" in refused("publish", new, "--model", model)
    assert "is there already" in refused("publish", model)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'cifake-keras[huggingface]'" in refused("publish", new)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
