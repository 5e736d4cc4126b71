"""Features of a frozen backbone: computed once, kept for all heads, taken up where a process was killed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learning import image_set

from cifake_keras.conditions import path
from cifake_keras.conditions.reconstructions import reconstructed
from cifake_keras.protocol import BACKBONES, PERTURBATION, Application
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import batches

SMALL = replace(BACKBONES["mobilenet_random"], settings=Application("MobileNet", "mobilenet", side=32))
NETWORKS = {SMALL.name: path.build(SMALL)}
IMAGES = image_set(100)


def kept(folder: Path, steps=(SMALL,), images=IMAGES) -> np.ndarray:
    features = reconstructed(images, steps, NETWORKS, "float32", folder)
    assert features.steps == steps
    return features.images(np.arange(len(images)))


def test_they_are_what_the_backbone_gives_and_a_batch_has_them(tmp_path):
    features = kept(tmp_path)
    images = IMAGES.images(np.arange(len(IMAGES))).astype(np.float32) / 255
    expected = path.walk(images, (SMALL,), NETWORKS, SMALL.range)
    assert features.dtype == np.float16 and features.shape == (100, *SMALL.gives)
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=2e-3)
    images = reconstructed(IMAGES, (SMALL,), NETWORKS, "float32", tmp_path)
    batch, _ = next(iter(batches.training_batches(images, (), 20, seed=1, epoch=0)))
    seen = path.batch_walk(batch, (SMALL,), {}, SMALL.range, taken=images.steps)
    assert seen.shape == (20, *SMALL.gives)


def test_chance_before_a_backbone_is_drawn_once_an_image(tmp_path):
    perturbed = kept(tmp_path, (PERTURBATION, SMALL))
    share = (np.abs(perturbed - kept(tmp_path)).max(1) > 0.05).mean()
    assert 0.7 < share < 0.9, "the perturbation leaves a fifth of the images as they are"
    assert np.array_equal(perturbed, kept(tmp_path / "again", (PERTURBATION, SMALL)))


KILLED = """
import sys
from pathlib import Path
from test_features import kept
kept(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_process_is_taken_up_to_the_same_bytes(tmp_path, capfd):
    kept(tmp_path / "whole")
    (whole,) = (tmp_path / "whole").glob("*.npy")
    begun = tmp_path / "killed" / f".cifake-keras.begun.{whole.name}"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, begun.parent], env=environment)
    while not (begun.exists() and begun.stat().st_size > 32 * 2 * SMALL.gives[0]):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = begun.stat().st_size
    assert half < whole.stat().st_size
    kept(begun.parent)
    assert re.search(r"images: (32|64|96) were computed before", capfd.readouterr().err)
    (resumed,) = begun.parent.glob("*.npy")
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_disk_without_room_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**5))
    with pytest.raises(UserError, match=r"has 0 MB free, and MobileNet.*of 100 images take 0 MB: make room"):
        kept(tmp_path)
