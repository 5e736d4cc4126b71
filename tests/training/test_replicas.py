"""One model on two devices learns what it learns on one. Each training runs on logical processors, in a process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cifake_keras.runtime.errors import UserError
from cifake_keras.training import replicas

TESTS = Path(__file__).parents[1]

# 33 images and batches of 16: the last batch is a single one, and a replica goes empty. Of 43 images for validation
# the only batch is odd. The classifiers' on two is stopped in its second epoch, and resumed.
FITTED = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
from cifake_keras.protocol import CONDITIONS
from learning import Stopping, candidate, image_set, stopping
from cifake_keras.conditions.path import build
from cifake_keras.protocol import AUTOENCODER
from cifake_keras.training import classifiers, reconstruction
from cifake_keras.training.fitting import Session
from cifake_keras.runtime.interruption import Interrupted
from cifake_keras.splits.composition import ImageSet

class Noting:
    dtype = image_set(1).stores["x"].dtype
    def __init__(self, images): self.images, self.seen = images, []
    def __getitem__(self, rows):
        self.seen.extend(map(int, rows))
        return self.images[rows]

def fit(learner, images, strategy, folder=None):
    session, values = Session("test", "float32", folder, strategy), replace(candidate(), epochs=2)
    if learner == "autoencoder":
        step = AUTOENCODER.fitted_with(values).seeded(0)
        return [reconstruction.train(step, {}, images, image_set(43), session)[1]]
    networks = {"autoencoder": build(AUTOENCODER, seed=1)}
    arguments = CONDITIONS["perturbed_autoencoded"], "bird_lotfi", networks, [values], 0, session
    return [history for _, history in classifiers.train(images, image_set(43), *arguments)]

def described(history):
    return history.drop(columns="seconds").to_dict("list")

told = {}
for learner, strategy in (("classifiers", "none"), ("autoencoder", "none"), ("autoencoder", "mirrored")):
    noting = Noting(image_set(33).stores["x"])
    (history,) = fit(learner, ImageSet(image_set(33).examples, {"x": noting}), strategy)
    told[f"{learner} {strategy}"] = described(history)
    told[f"{learner} {strategy} seen"] = noting.seen
try:
    fit("classifiers", stopping(image_set(33), 5), "mirrored", Path(sys.argv[2]))
except Interrupted:
    (history,) = fit("classifiers", image_set(33), "mirrored", Path(sys.argv[2]))
    told["classifiers mirrored"] = described(history)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Histories by learner and strategy, 6 steps each, and the rows of the images in the order in which they came."""
    line = [sys.executable, "-c", FITTED, str(TESTS), str(tmp_path_factory.mktemp("folder"))]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["classifiers", "autoencoder"])
def test_two_devices_learn_what_one_does(told, learner):
    one, two = told[f"{learner} none"], told[f"{learner} mirrored"]
    assert one.keys() == two.keys() >= {"loss", "val_loss"}
    for name, values in one.items():
        assert np.allclose(values, two[name], atol=1e-4), name


@pytest.mark.slow
def test_two_devices_see_every_image_once_an_epoch_in_the_same_order(told):
    seen = told["autoencoder mirrored seen"]
    assert seen == told["autoencoder none seen"] == told["classifiers none seen"]
    assert sorted(seen[:33]) == sorted(seen[33:]) == list(range(33))


def test_one_device_alone_is_refused():
    with pytest.raises(UserError, match="leave it out"):
        replicas.strategy("mirrored")
