"""Tasks, and how processes share them. Imports no TensorFlow.

The process that does a task holds its claim; the claim of a dead process lapses. A task's folder holds its result, or
why it failed.
"""

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from filelock import SoftFileLease, Timeout

from cifake_keras.runtime import errors, files, progress
from cifake_keras.runtime.errors import Unfinished, UserError

FAILURE, LOG = "failure.txt", "log.txt"

_WAIT = 2  # seconds until a task that another process is busy with is looked at again


class Task(Protocol):
    """One piece of work. folder: holds its result. claim: the lock file of the process that does it."""

    title: str
    folder: Path
    claim: Path

    def done(self) -> bool: ...

    def needs(self) -> Sequence["Task"]:
        """The tasks that must be done before."""

    def run(self) -> None: ...


class Executor(Protocol):
    """Where tasks are done."""

    def settle(self, tasks: Sequence[Task], build: str, *arguments: object) -> None:
        """Returns when each task is done or has failed. build: "module:function" that makes them of `arguments`."""


def settle(executor: Executor, tasks: Sequence[Task], build: str, *arguments: object) -> Unfinished | None:
    """Does all tasks that can be done. Returns the error to raise, which names the tasks that failed, if any."""
    for task in tasks:
        (task.folder / FAILURE).unlink(missing_ok=True)
    executor.settle(tasks, build, *arguments)
    reasons = [f"\n  {task.title}: {_reason(task)}" for task in tasks if not task.done()]
    summary = f"{len(reasons)} of {len(tasks)} failed; the same command tries them again:"
    return Unfinished(summary + "".join(reasons)) if reasons else None


def work(tasks: Sequence[Task]) -> None:
    """Does every task that no other process is doing. Returns when each is done or has failed, here or elsewhere."""
    claims = {task.claim: files.claim(task.claim, timeout=0) for task in tasks}
    waiting = False
    while left := [task for task in tasks if not _settled(task)]:
        if any(_worked_on(task, claims[task.claim]) for task in left if _ready(task)):
            waiting = False
            continue
        if not waiting:
            progress.say(f"waiting for what another process is doing: {', '.join(task.title for task in left)}")
        waiting = True
        time.sleep(_WAIT)


def _ready(task: Task) -> bool:
    return all(need.done() for need in task.needs())


def _settled(task: Task) -> bool:
    return task.done() or failed(task)


def failed(task: Task) -> bool:
    """Whether it has failed, or needs a task that has."""
    return (task.folder / FAILURE).exists() or any(not need.done() and failed(need) for need in task.needs())


def _worked_on(task: Task, claim: SoftFileLease) -> bool:
    """Whether this process could claim the task, which is settled now."""
    try:
        with claim:
            if not _settled(task):
                _attempt(task)
            return True
    except Timeout:
        return False


def _attempt(task: Task) -> None:
    """Runs a task. An error is reported and kept in its folder, so that the other tasks can go on."""
    progress.began(task.folder)
    with progress.logged(task.folder / LOG):
        try:
            task.run()
        except Exception as error:
            if message := errors.of_the_disk(error):
                raise UserError(message) from error
            fail(task, f"{type(error).__name__}: {error}", traceback.format_exc())


def fail(task: Task, reason: str, details: str = "") -> None:
    """Reports and records why a task failed. reason: its first line is kept apart from the details."""
    files.write_text(task.folder / FAILURE, f"{reason.splitlines()[0]}\n\n{details}")
    progress.say(f"{task.title} failed: {_reason(task)}")


def _reason(task: Task) -> str:
    path = task.folder / FAILURE
    if path.exists():
        return f"{path.read_text(encoding='utf-8').splitlines()[0]} (see {path})"
    return f"needs {', '.join(need.title for need in task.needs() if not need.done())}"
