"""Scores are read as they were written, by this version and by earlier ones."""

import numpy as np
import pytest

from cifake_keras.records.scores import Scores
from cifake_keras.runtime.errors import UserError

LOGITS = np.array([-3.0, 0.0, 2.5, -0.5, 1.0], np.float32)


def test_logits_are_kept_of_every_view(tmp_path):
    scores = Scores({"baseline": LOGITS}, {"jpeg-75": -LOGITS}, {"matched": LOGITS[:2]}, np.array([0, 1]))
    scores.write(tmp_path / "scores.npz")
    read = Scores.read(tmp_path / "scores.npz")
    assert read.count == 5 and read.paths["baseline"].dtype == np.float32
    assert np.array_equal(read.altered["jpeg-75"], -LOGITS) and np.array_equal(read.validation["matched"], LOGITS[:2])
    assert list(read.said_fake("jpeg-75")) == [True, True, False, True, False]
    assert list(read.said_fake("baseline")) == [False, True, True, False, True]


def test_decisions_of_earlier_versions_are_read(tmp_path):
    arrays = {"path baseline": LOGITS.astype(np.float16), "altered jpeg-75": np.packbits(LOGITS < 0)}
    np.savez_compressed(tmp_path / "scores.npz", labels=np.array([], np.int8), **arrays)
    read = Scores.read(tmp_path / "scores.npz")
    assert np.array_equal(read.paths["baseline"], LOGITS) and read.validation == {}
    assert list(read.said_fake("jpeg-75")) == [True, False, False, True, False]


@pytest.mark.parametrize("arrays", [{}, {"labels": np.array([0])}, {"paths baseline": LOGITS}])
def test_what_is_missing_is_damage(tmp_path, arrays):
    np.savez_compressed(tmp_path / "scores.npz", **arrays)
    with pytest.raises(UserError, match=r"scores\.npz is damaged"):
        Scores.read(tmp_path / "scores.npz")


@pytest.mark.parametrize("damaged", [LOGITS[:4], LOGITS[:, None], LOGITS * np.nan], ids=["short", "shape", "nan"])
@pytest.mark.parametrize("name", ["altered jpeg-75", "validation matched"])
def test_what_is_not_a_number_an_image_is_damage(tmp_path, name, damaged):
    whole = {"paths baseline": LOGITS, "altered jpeg-75": LOGITS, "validation matched": LOGITS}
    np.savez_compressed(tmp_path / "scores.npz", labels=np.zeros(5, np.int8), **whole | {name: damaged})
    with pytest.raises(UserError, match=r"scores\.npz is damaged \([\w-]+ has not a number for each of 5 images\)"):
        Scores.read(tmp_path / "scores.npz")


def test_a_small_file_of_huge_arrays_is_not_read(tmp_path):
    np.savez_compressed(tmp_path / "scores.npz", labels=np.zeros(2**30, np.int8))
    with pytest.raises(UserError, match=r"scores\.npz is damaged \(its arrays take 1,073,741,952 bytes\)"):
        Scores.read(tmp_path / "scores.npz")
