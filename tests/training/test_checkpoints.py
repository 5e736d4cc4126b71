"""A checkpoint that cannot be used does not stop the training that it was kept for."""

import json
import os

import keras
import numpy as np
import pytest

from cifake_keras.training.checkpoints import Checkpoint, State


def variables(*shapes):
    return [keras.Variable(np.full(shape, 7.0, np.float32)) for shape in shapes]


def saved(path, *shapes) -> bytes:
    Checkpoint(path, variables(*shapes)).save(State(epoch=2, step=3))
    return path.read_bytes()


def test_what_was_saved_is_restored(tmp_path):
    saved(tmp_path / "checkpoint.npz", (3, 2), (2,))
    others = [keras.Variable(np.zeros(shape, np.float32)) for shape in ((3, 2), (2,))]
    state = Checkpoint(tmp_path / "checkpoint.npz", others).restore()
    assert (state.epoch, state.step) == (2, 3) and all((variable.numpy() == 7).all() for variable in others)


def _flipped(content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[len(damaged) // 3] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", lambda content: content[: len(content) // 2], _flipped, lambda content: b"no archive"],
    ids=["empty", "cut", "flipped", "other"],
)
def test_a_damaged_one_is_set_aside_and_the_training_begins_anew(damage, tmp_path, capsys):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(damaged := damage(saved(path, (30, 20))))
    kept = variables((30, 20))
    assert Checkpoint(path, kept).restore() == State() and (kept[0].numpy() == 7).all()
    assert "checkpoint.npz is damaged" in capsys.readouterr().err
    assert not path.exists() and path.with_name("checkpoint.npz.damaged").read_bytes() == damaged


@pytest.mark.parametrize("shapes", [[(3, 3)], [(3, 2), (2,)]])
def test_another_networks_is_set_aside_before_any_variable_is_set(shapes, tmp_path):
    path = tmp_path / "checkpoint.npz"
    saved(path, (3, 2))
    others = [keras.Variable(np.zeros(shape, np.float32)) for shape in shapes]
    assert Checkpoint(path, others).restore() == State()
    assert all((variable.numpy() == 0).all() for variable in others)


def test_more_than_its_variables_is_not_read_and_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez_compressed(path, np.zeros(2**26, np.uint8), state="{}")
    assert Checkpoint(path, variables((3, 2))).restore() == State()
    assert path.with_name("checkpoint.npz.damaged").exists()
    os.mkfifo(path)
    assert Checkpoint(path, variables((3, 2))).restore() == State()


def test_a_state_that_is_none_is_damage(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, state=json.dumps({"epochs": 1}))
    assert Checkpoint(path, []).restore() == State()
