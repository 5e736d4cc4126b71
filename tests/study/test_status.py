"""What is told of cells that are done, running, failed, unfinished or to do."""

import os

import pytest
from support import command, refused, write_cell

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import executors, files
from cifake_keras.study import status

AUTOENCODER = {"name": "autoencoder", "training": {"hyperparameters": {"epochs": 5}}}
DATA = [{"name": "a", "splits": {"train": {"REAL": 100, "FAKE": 50}}}, {"name": "b", "splits": {"train": {"FAKE": 50}}}]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of a training that is in its third epoch, as trainings write it."""
    from cifake_keras.training.checkpoints import Checkpoint, State

    path = tmp_path_factory.mktemp("checkpoint") / cells.CHECKPOINT
    history = [{"epoch": [1], "seconds": [30.0]}, {"epoch": [2], "seconds": [20.0]}]
    Checkpoint(path, []).save(State(epoch=2, step=3, history=history))
    return path.read_bytes()


def begin(folder, checkpoint=None, **config):
    files.write_json(folder / cells.CONFIG, {"scale": 1.0, "data": DATA, **config})
    if checkpoint:
        (folder / cells.CHECKPOINT).write_bytes(checkpoint)


def told(results, *wanted):
    return status.report(status.pieces(wanted, results))


def cell(condition, seed=1):
    return Cell("phase1", condition, "paper", seed)


def test_states_rates_and_the_time_left(tmp_path, checkpoint):
    wanted = [cell("baseline", seed) for seed in range(1, 6)]
    write_cell(tmp_path, seed=1, seconds=100)
    for seed in (1, 2, 3):
        begin(wanted[seed].folder(tmp_path), checkpoint, hyperparameters={"epochs": 8})
    files.write_text(wanted[3].folder(tmp_path) / executors.FAILURE, "ValueError: too bad\n")
    with files.claim(cells.claim(tmp_path, wanted[1].folder(tmp_path))):
        lines = told(tmp_path, *wanted)
    assert [line[:11].strip() for line in lines[:-1]] == ["done", "running", "unfinished", "failed", "to do"]
    assert lines[1].endswith("seed 2: epoch 2 of 8, 20.0 s an epoch (10 images/s), 0:02:00 left")
    # 120 s of the one that runs, and for the unfinished one and the one to do what the finished one took.
    assert lines[-1] == "1 done, 1 running, 1 failed, 1 unfinished, 1 to do; about 0:05:20 left"


def test_what_cells_wait_for_is_told_before_them(tmp_path, checkpoint):
    wanted = cell("autoencoded")
    autoencoder = cells.step_folder(tmp_path, "phase1", "autoencoder", protocol.SWEEP_SEED)
    begin(autoencoder, checkpoint, step=AUTOENCODER)
    begin(cells.sweep_folder(tmp_path, wanted) / "group-1", candidates=[{"epochs": 3}])
    with files.claim(cells.claim(tmp_path, autoencoder)):
        lines = told(tmp_path, wanted)
    titles = [f"autoencoder seed {seed}" for seed in (0, 1)]
    titles += [f"autoencoded paper {of}" for of in ("sweep 1/2", "sweep 2/2", "seed 1")]
    assert [line[11:].partition(":")[0] for line in lines[:-1]] == [f"phase1 {title}" for title in titles]
    assert lines[0].endswith("epoch 2 of 5, 20.0 s an epoch (10 images/s), 0:01:00 left")
    assert lines[-1] == "0 done, 1 running, 0 failed, 1 unfinished, 3 to do", "nothing tells how long a cell takes"


def test_a_claim_without_a_heartbeat_is_nobodys(tmp_path, checkpoint):
    folder = cell("baseline").folder(tmp_path)
    begin(folder, checkpoint, hyperparameters={"epochs": 8})
    claim = cells.claim(tmp_path, folder)
    claim.parent.mkdir()
    claim.touch()
    assert told(tmp_path, cell("baseline"))[0].startswith("running")
    os.utime(claim, (0, 0))
    assert told(tmp_path, cell("baseline"))[0].startswith("unfinished")


@pytest.mark.slow
def test_watching_ends_when_all_is_done_or_has_failed_and_needs_no_tensorflow(tmp_path):
    write_cell(tmp_path)
    failed = cell("perturbed").folder(tmp_path)
    files.write_text(failed / executors.FAILURE, "ValueError: too bad\n")
    options = ("--phase", "phase1", "--condition", "baseline", "--condition", "perturbed", "--results-dir", tmp_path)
    done = command("status", "--watch", *options, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}, timeout=60)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("1 done, 0 running, 1 failed")
    imported = done.stderr
    assert "cifake_keras.study.status" in imported and "import time" in imported and "| tensorflow" not in imported


@pytest.mark.parametrize("text", ["{}", "[]"])
def test_metrics_that_say_nothing_are_refused(tmp_path, text):
    write_cell(tmp_path).write_text(text)
    assert "metrics.json is not what a finished run writes" in refused("status", "--seed", 1, "--results-dir", tmp_path)
