"""Tasks shared by processes: each done once, by whoever is alive."""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from cifake_keras import executors
from cifake_keras.errors import UserError


@dataclass
class Write:
    """Appends the process that ran it to its file."""

    path: Path
    needs: Path | None = None
    title: str = "a file"

    @property
    def lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def done(self) -> bool:
        return self.path.exists() and self.path.read_text().endswith("done")

    def ready(self) -> bool:
        return self.needs is None or self.needs.exists()

    def run(self) -> None:
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()} done")


def tasks(folder: Path) -> list[Write]:
    return [Write(folder / "last", needs=folder / "first"), Write(folder / "first"), *map(Write, numbered(folder))]


def numbered(folder: Path) -> list[Path]:
    return [folder / str(number) for number in range(20)]


def share(folder: Path) -> None:
    executors.work(tasks(folder))


def die(folder: Path) -> None:
    with executors.FileLock(folder / "0.lock"):
        os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise UserError("no images")


def fail() -> None:
    raise ValueError("a bug")


def test_each_task_is_done_once_and_after_what_it_needs(tmp_path):
    executors.in_processes(3, "test_executors:share", tmp_path)
    assert all(task.path.read_text().count("done") == 1 for task in tasks(tmp_path))


def test_a_killed_process_is_told_and_its_lock_is_free(tmp_path):
    with pytest.raises(UserError, match="status -9"):
        executors.in_processes(1, "test_executors:die", tmp_path)
    share(tmp_path)
    assert all(task.done() for task in tasks(tmp_path))


def test_whoever_has_to_wait_says_for_what(tmp_path, capsys, monkeypatch):
    task = Write(tmp_path / "0")
    monkeypatch.setattr(executors, "_WAIT", 0.1)
    with executors.FileLock(task.lock):
        other = threading.Timer(0.5, task.run)
        other.start()
        executors.work([task])
    assert capsys.readouterr().err.count("waiting for what another process is doing: a file") == 1
    assert task.path.read_text().count("done") == 1


def test_what_went_wrong_in_a_process_is_told():
    with pytest.raises(UserError, match="no images"):
        executors.in_processes(1, "test_executors:refuse")
    with pytest.raises(RuntimeError, match="a bug"):
        executors.in_processes(1, "test_executors:fail")
