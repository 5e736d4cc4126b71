"""What a classifier sees on its own path, and on another's: always in the range that it knows."""

import numpy as np
import pytest

from cifake_keras import protocol
from cifake_keras.conditions.path import batch_walk, walk
from cifake_keras.protocol import AUTOENCODER, PERTURBATION, SIGNED, UNIT, Condition, Steps, Training

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
IMAGES = PIXELS / np.float32(255)
PLAIN, AUTOENCODED = (protocol.CONDITIONS[name] for name in ("baseline", "autoencoded"))


def halved(images):
    """An autoencoder that is easily told: it takes and gives [-1, 1]."""
    assert np.min(images) < 0
    return images / 2


NETWORKS = {"autoencoder": halved}


@pytest.mark.parametrize(
    "condition, path, seen",
    [
        (PLAIN, PLAIN, IMAGES),
        (AUTOENCODED, AUTOENCODED, (2 * IMAGES - 1) / 2),
        (PLAIN, AUTOENCODED, ((2 * IMAGES - 1) / 2 + 1) / 2),
        (AUTOENCODED, PLAIN, 2 * IMAGES - 1),
    ],
)
def test_images_of_a_path_come_in_the_range_of_the_classifier(condition, path, seen):
    np.testing.assert_allclose(walk(IMAGES, path.steps, NETWORKS, condition.range), seen, atol=1e-6)


def test_images_take_the_steps_that_are_left_and_no_other():
    """Those that have been through the autoencoder are float32 in its range, and go to the classifier as they are."""
    batch = {"image": (2 * IMAGES - 1) / 2, "draws": {}}
    seen = batch_walk(batch, (AUTOENCODER,), NETWORKS, SIGNED, taken=(AUTOENCODER,))
    assert np.array_equal(seen, batch["image"])
    raw = batch_walk({"image": PIXELS, "draws": {}}, (AUTOENCODER,), NETWORKS, SIGNED)
    np.testing.assert_allclose(raw, seen, atol=1e-6)
    with pytest.raises(ValueError, match="cannot begin"):
        batch_walk(batch, (PERTURBATION,), NETWORKS, UNIT, taken=(AUTOENCODER,))


def test_clean_evaluation_leaves_out_what_is_chance_alone():
    paths = {name: protocol.path_name(name, "clean") for name in protocol.PAPER_CONDITIONS}
    assert paths == {
        "baseline": "baseline",
        "perturbed": "baseline",
        "autoencoded": "autoencoded",
        "perturbed_autoencoded": "autoencoded",
    }
    assert all(protocol.path_name(name, "matched") == name for name in protocol.PAPER_CONDITIONS)


BLUR = protocol.Step("blur", "blur")
MIXED = protocol.Step("mixed", "mixed", draws=1, stream=1, training_only=True, network=True, training=Training(None))


@pytest.mark.parametrize(
    "steps, kept, matched, clean",
    [
        ((), (), (), ()),
        ((AUTOENCODER,), (AUTOENCODER,), (AUTOENCODER,), (AUTOENCODER,)),
        ((BLUR, AUTOENCODER, BLUR), (BLUR, AUTOENCODER), (BLUR, AUTOENCODER, BLUR), (BLUR, AUTOENCODER, BLUR)),
        ((PERTURBATION, AUTOENCODER), (), (PERTURBATION, AUTOENCODER), (AUTOENCODER,)),
        ((AUTOENCODER, PERTURBATION), (AUTOENCODER,), (AUTOENCODER, PERTURBATION), (AUTOENCODER,)),
        ((BLUR,), (), (BLUR,), (BLUR,)),
        ((MIXED,), (), (), ()),
        ((MIXED, BLUR), (), (BLUR,), (BLUR,)),
    ],
)
def test_what_is_kept_and_what_test_images_take(steps: Steps, kept: Steps, matched: Steps, clean: Steps):
    condition = Condition("x", "X", steps, ())
    assert protocol.kept(steps) == kept
    assert condition.path("matched") == matched and condition.path("clean") == clean


def test_every_path_has_one_name():
    """A condition that only training perturbs takes the baseline's path; a clean path of its own gets its own name."""
    blurred = Condition("blurred", "", (PERTURBATION, BLUR), ())
    paper = [protocol.CONDITIONS[name] for name in protocol.PAPER_CONDITIONS]
    paths = protocol.paths([*paper, Condition("mixed", "", (MIXED,), ()), blurred])
    assert list(paths) == [*protocol.PAPER_CONDITIONS, "blurred", "blurred_clean"]
    assert paths["blurred_clean"] == (BLUR,)
