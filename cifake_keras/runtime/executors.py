"""Tasks, and how whoever works on them shares them. Imports no TensorFlow.

Who does a task holds its claim; the claim of a dead process lapses. What is done is in the task's folder, and so is why
it failed.
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
    """One piece of work. folder: holds all there is of it. claim: the file that whoever does it holds."""

    title: str
    folder: Path
    claim: Path

    def done(self) -> bool: ...

    def needs(self) -> Sequence["Task"]:
        """What must be done before."""

    def run(self) -> None: ...


class Executor(Protocol):
    """Where tasks are done."""

    def settle(self, tasks: Sequence[Task], build: str, *arguments: object) -> None:
        """Returns when each task is done or has failed. build: "module:function" that makes them of `arguments`."""


def settle(executor: Executor, tasks: Sequence[Task], build: str, *arguments: object) -> Unfinished | None:
    """Does what can be done of `tasks`. Returns what to raise, naming those that failed, when all else is done too."""
    for task in tasks:
        (task.folder / FAILURE).unlink(missing_ok=True)
    executor.settle(tasks, build, *arguments)
    reasons = [f"\n  {task.title}: {_reason(task)}" for task in tasks if not task.done()]
    told = f"{len(reasons)} of {len(tasks)} failed; the same command tries them again:"
    return Unfinished(told + "".join(reasons)) if reasons else None


def work(tasks: Sequence[Task]) -> None:
    """Does every task that no other process is doing; returns when each is done or has failed, by whomever."""
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
    """Whether it was tried in vain, or waits for what was."""
    return (task.folder / FAILURE).exists() or any(not need.done() and failed(need) for need in task.needs())


def _worked_on(task: Task, claim: SoftFileLease) -> bool:
    """Whether the claim could be had, and the task is settled."""
    try:
        with claim:
            if not _settled(task):
                _attempt(task)
            return True
    except Timeout:
        return False


def _attempt(task: Task) -> None:
    """Runs a task; what goes wrong with it is told and kept in its folder, so that others can go on."""
    progress.began(task.folder)
    with progress.logged(task.folder / LOG):
        try:
            task.run()
        except Exception as error:
            if what := errors.of_the_disk(error):
                raise UserError(what) from error
            fail(task, f"{type(error).__name__}: {error}", traceback.format_exc())


def fail(task: Task, reason: str, details: str = "") -> None:
    """Tells and records why a task failed. reason: its first line is kept apart from the details."""
    files.write_text(task.folder / FAILURE, f"{reason.splitlines()[0]}\n\n{details}")
    progress.say(f"{task.title} failed: {_reason(task)}")


def _reason(task: Task) -> str:
    path = task.folder / FAILURE
    if path.exists():
        return f"{path.read_text(encoding='utf-8').splitlines()[0]} (see {path})"
    return f"needs {', '.join(need.title for need in task.needs() if not need.done())}"
