"""A real Ray cluster on this machine: what fails, what is lost with a node, and how it is told."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jobs import Fail, Write, tasks
from support import command, refused

from cifake_keras.runtime import executors
from cifake_keras.runtime.errors import UserError

pytest.importorskip("ray")
import ray_cluster

from cifake_keras.runtime.cluster import Ray

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """Its address and its two worker nodes; workers find this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        with ray_cluster.cluster(2) as address_and_nodes:
            yield address_and_nodes


class Linger(Write):
    """Leaves the process that runs it in its folder, and is done when it may be."""

    def run(self) -> None:
        (self.folder / str(os.getpid())).touch()
        while not (self.folder.parent / "go").exists():
            time.sleep(0.05)
        super().run()


def failing(folder: Path) -> list[Write]:
    fails = Fail(folder / "fails")
    return [Write(folder / "blocked", fails), fails, *tasks(folder)]


def lingering(folder: Path) -> list[Write]:
    return [Linger(folder / "a"), Linger(folder / "b")]


class Refuse(Write):
    def run(self) -> None:
        raise OSError(28, os.strerror(28))


def refusing(folder: Path) -> list[Write]:
    return [Refuse(folder / "refuses")]


def settle(address: str, folder: Path, build):
    return executors.settle(Ray(address, 1, 0), build(folder), f"test_cluster:{build.__name__}", folder)


DRIVER = """
import pathlib, sys
import test_cluster
from cifake_keras.runtime import interruption
interruption.raised()
try:
    sys.exit(test_cluster.settle(sys.argv[1], pathlib.Path(sys.argv[2]), test_cluster.lingering))
except interruption.Interrupted as interrupted:
    sys.exit(interrupted.status)
"""


def lingering_driver(address: str, folder: Path) -> subprocess.Popen:
    """Whose two tasks have begun, on a node each."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, address, folder])
    while len(list(folder.glob("*/[0-9]*"))) < 2:
        assert driver.poll() is None
        time.sleep(0.05)
    return driver


def test_each_task_is_done_once_and_after_what_it_needs_and_what_fails_is_recorded(cluster, tmp_path, capsys):
    unfinished = settle(cluster[0], tmp_path, failing)
    assert str(unfinished).startswith("2 of 24 failed") and "blocked: needs fails" in str(unfinished)
    assert 'raise ValueError("the first line' in (tmp_path / "fails" / "failure.txt").read_text()
    assert "fails failed: ValueError: the first line" in capsys.readouterr().err
    assert all(len((task.folder / "done").read_text().splitlines()) == 1 for task in tasks(tmp_path))
    assert not list(tmp_path.glob("*.claim"))


def test_a_full_disk_is_told_in_a_sentence(cluster, tmp_path):
    with pytest.raises(UserError, match=r"^\[?.*No space left on device"):
        settle(cluster[0], tmp_path, refusing)


def test_ctrl_c_ends_what_runs_on_the_cluster(cluster, tmp_path):
    driver = lingering_driver(cluster[0], tmp_path)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(30) == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("*.claim")) and not list(tmp_path.glob("*/done"))


def test_what_was_lost_with_a_node_is_done_on_another(cluster, tmp_path):
    """Last, as the node does not come back."""
    address, nodes = cluster
    driver = lingering_driver(address, tmp_path)
    runners = list(tmp_path.glob("*/[0-9]*"))
    workers = {process.pid for process in ray_cluster.processes_of(nodes[0])}
    (lost,) = [path for path in runners if int(path.name) in workers]
    ray_cluster.kill(nodes[0])
    (tmp_path / "go").touch()
    assert driver.wait(60) == 0
    assert [len(list(task.folder.glob("[0-9]*"))) for task in lingering(tmp_path) if task.folder == lost.parent] == [2]
    assert all(len((task.folder / "done").read_text().splitlines()) == 1 for task in lingering(tmp_path))


def test_an_address_where_no_cluster_is():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"No Ray cluster answers at {address}"):
        Ray(address, 1, 0).settle([], "test_cluster:tasks")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--executor", "ray", "--jobs", 2), "--jobs does not go with --executor ray"),
        (("--ray-address", "auto"), "--ray-address does not go with --executor local"),
        (("--cpus-per-cell", 2), "--cpus-per-cell does not go with --executor local"),
    ],
)
def test_options_of_the_other_executor(arguments, told):
    assert told in refused("run-grid", *arguments)


def test_a_job_array_does_the_cell_of_its_number(data_dir, tmp_path):
    """grid-commands repeats what it is given, however it has to be quoted."""
    results = tmp_path / "of two words"
    given = ("--phase", "phase1", "--condition", "baseline", "--no-sweep", "--epochs", 1, "--precision", "float32")
    folders = ("--data-dir", data_dir, "--results-dir", results, "--saved-models-dir", tmp_path / "models")
    lines = command("grid-commands", *given, "--seed", 3, "--seed", 5, *folders).stdout
    (tmp_path / "cells.txt").write_text(lines)
    assert len(lines.splitlines()) == 2

    def job(number: int) -> subprocess.CompletedProcess:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "SLURM_ARRAY_TASK_ID": str(number)}
        line = [Path(ray_cluster.__file__).with_name("slurm_array.sh"), tmp_path / "cells.txt"]
        return subprocess.run(line, env=environment, capture_output=True, text=True)

    done = job(2)
    assert done.returncode == 0, done.stderr
    assert [path.parent.name for path in results.rglob("seed-*/metrics.json")] == ["seed-5"]
    assert job(3).returncode == 2 and "--array=1-2" in job(3).stderr
