"""Tasks shared by processes: each done once, by whoever is alive; what fails is kept and told."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from jobs import Write, broken, failing, refused, tasks

from cifake_keras.runtime import executors, files, interruption
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.processes import Local


def settle(folder: Path, build, jobs: int):
    return executors.settle(Local(jobs), build(folder), f"test_executors:{build.__name__}", folder)


def each_was_done_once(folder: Path) -> bool:
    return all(len((task.folder / "done").read_text().splitlines()) == 1 for task in tasks(folder))


def test_each_task_is_done_once_and_after_what_it_needs(tmp_path):
    assert settle(tmp_path, tasks, 1) is None
    assert each_was_done_once(tmp_path) and not list(tmp_path.glob("*.claim"))


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A folder where two processes have done what could be done, and the error that names what could not."""
    folder = tmp_path_factory.mktemp("failed")
    return folder, settle(folder, failing, 2)


@pytest.mark.slow
def test_several_processes_do_each_task_once(failed):
    folder, _ = failed
    assert each_was_done_once(folder) and not any(task.claim.exists() for task in tasks(folder))


@pytest.mark.slow
def test_what_fails_is_recorded_and_the_others_go_on(failed):
    """An error, what needs its job, a process that is killed and one that has no memory."""
    folder, unfinished = failed
    assert unfinished.status == 1 and str(unfinished).startswith("4 of 26 failed")
    for line in (
        "fails: ValueError: the first line (see ",
        "blocked: needs fails",
        "dies: its process ended with status",
        "hungry: ResourceExhaustedError: ",
    ):
        assert line in str(unfinished)
    record = (folder / "fails" / "failure.txt").read_text()
    assert "Traceback" in record and 'raise ValueError("the first line' in record


@pytest.mark.slow
def test_what_failed_is_tried_again(failed, tmp_path):
    folder = shutil.copytree(failed[0], tmp_path / "again")
    for name in ("fails", "dies", "hungry"):
        (folder / name / "done").touch()
    assert settle(folder, failing, 1) is None
    assert (folder / "blocked" / "done").exists() and not list(folder.rglob("failure.txt"))


WORK = "import sys, test_executors as t, pathlib; t.executors.work(t.{}(pathlib.Path(sys.argv[1])))"


@pytest.mark.slow
def test_others_take_over_what_a_killed_process_was_doing(tmp_path):
    line = [sys.executable, "-c", WORK.format("failing"), str(tmp_path)]
    killed = subprocess.run(line, cwd=Path(__file__).parent, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert killed.returncode == -signal.SIGKILL and (tmp_path / "dies.claim").exists()
    task = Write(tmp_path / "dies")
    executors.work([task])
    assert task.done() and not task.claim.exists()


def test_whoever_has_to_wait_says_for_what(tmp_path, capsys, monkeypatch):
    task = Write(tmp_path / "0")
    task.folder.mkdir()
    monkeypatch.setattr(executors, "_WAIT", 0.1)
    with files.claim(task.claim):
        other = threading.Timer(0.5, task.run)
        other.start()
        executors.work([task])
    assert capsys.readouterr().err.count("waiting for another process to finish: 0") == 1
    assert (task.folder / "done").read_text().count("\n") == 1


@pytest.mark.slow
def test_what_keeps_processes_from_working_is_told(tmp_path):
    for build, error in ((refused, UserError("no images")), (broken, RuntimeError("a bug"))):
        with pytest.raises(type(error), match=str(error)):
            Local(2).settle(tasks(tmp_path)[-1:], f"test_executors:{build.__name__}")


def unlucky(folder: Path) -> list[Write]:
    """The first process to ask for the jobs is killed."""
    if not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return tasks(folder)


def doomed(folder: Path) -> list[Write]:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_process_that_is_killed_before_it_begins_leaves_the_work_to_the_others(tmp_path):
    Local(2).settle(tasks(tmp_path), f"test_executors:{unlucky.__name__}", tmp_path)
    assert all(task.done() for task in tasks(tmp_path))
    with pytest.raises(UserError, match="All processes of --jobs ended before they could begin"):
        Local(2).settle([Write(tmp_path / "a")], f"test_executors:{doomed.__name__}", tmp_path)


class Replace(Write):
    """As TensorFlow does where a signal comes while it traces."""

    def run(self) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except BaseException:
            raise AssertionError("Concurrent access?") from None


def test_ctrl_c_that_a_library_makes_another_error_of_is_no_failure(tmp_path):
    with interruption.kept():
        interruption.raised()
        with pytest.raises(interruption.Interrupted):
            executors.work([Replace(tmp_path / "a")])
    assert not list(tmp_path.rglob("failure.txt"))


def sleeping(folder: Path) -> list[Write]:
    return [Sleep(folder / "a"), Sleep(folder / "b")]


class Sleep(Write):
    def run(self) -> None:
        (self.folder / str(os.getpid())).touch()
        time.sleep(60)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(tmp_path, number):
    code = (
        "import sys, pathlib, test_executors as t; from cifake_keras.runtime import interruption as i; i.raised()\n"
        "t.settle(pathlib.Path(sys.argv[1]), t.sleeping, 2)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stderr=subprocess.DEVNULL)
    while len(children := [int(path.name) for path in tmp_path.glob("*/[0-9]*")]) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(number)
    parent.wait(20)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
