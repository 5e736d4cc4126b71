"""Jobs, and how processes share them. Imports no TensorFlow.

The process that does a job holds its claim; the claim of a dead process lapses. A job's folder holds its result, or
why it failed.
"""

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from filelock import SoftFileLease, Timeout

from cifake_keras.runtime import errors, files, interruption, progress
from cifake_keras.runtime.errors import Unfinished, UserError

FAILURE, LOG = "failure.txt", "log.txt"

_WAIT = 2  # seconds until a job that another process is busy with is looked at again


class Job(Protocol):
    """One piece of work. folder: holds its result. claim: the lock file of the process that does it."""

    title: str
    folder: Path
    claim: Path

    def done(self) -> bool: ...

    def needs(self) -> Sequence["Job"]:
        """The jobs that must be done before."""

    def run(self) -> None: ...


class Executor(Protocol):
    """Where jobs are done."""

    def settle(self, jobs: Sequence[Job], build: str, *arguments: object) -> None:
        """Returns when each job is done or has failed. build: "module:function" that makes them of `arguments`."""


def settle(executor: Executor, jobs: Sequence[Job], build: str, *arguments: object) -> Unfinished | None:
    """Does all jobs that can be done. Returns the error to raise, which names the jobs that failed, if any."""
    for job in jobs:
        (job.folder / FAILURE).unlink(missing_ok=True)
    executor.settle(jobs, build, *arguments)
    reasons = [f"\n  {job.title}: {_reason(job)}" for job in jobs if not job.done()]
    summary = f"{len(reasons)} of {len(jobs)} failed; the same command tries them again:"
    return Unfinished(summary + "".join(reasons)) if reasons else None


def work(jobs: Sequence[Job]) -> None:
    """Does every job that no other process is doing. Returns when each is done or has failed, here or elsewhere."""
    claims = {job.claim: files.claim(job.claim, timeout=0) for job in jobs}
    waiting = False
    while left := [job for job in jobs if not settled(job)]:
        if any(_worked_on(job, claims[job.claim]) for job in left if _ready(job)):
            waiting = False
            continue
        if not waiting:
            progress.say(f"waiting for another process to finish: {', '.join(job.title for job in left)}")
        waiting = True
        time.sleep(_WAIT)


def _ready(job: Job) -> bool:
    return all(need.done() for need in job.needs())


def settled(job: Job) -> bool:
    """Whether nothing is left to do of it: it is done, or has failed."""
    return job.done() or failed(job)


def failed(job: Job) -> bool:
    """Whether it has failed, or needs a job that has."""
    return (job.folder / FAILURE).exists() or any(not need.done() and failed(need) for need in job.needs())


def _worked_on(job: Job, claim: SoftFileLease) -> bool:
    """Whether this process could claim the job, which is settled now."""
    try:
        with claim:
            if not settled(job):
                _attempt(job)
            return True
    except Timeout:
        return False


def _attempt(job: Job) -> None:
    """Runs a job. An error is reported and kept in its folder, so that the other jobs can go on."""
    progress.began(job.folder)
    with progress.logged(job.folder / LOG):
        try:
            job.run()
        except Exception as error:
            interruption.check()
            if message := errors.of_the_disk(error):
                raise UserError(message) from error
            fail(job, f"{type(error).__name__}: {error}", traceback.format_exc())


def fail(job: Job, reason: str, details: str = "") -> None:
    """Reports and records why a job failed. reason: its first line is kept apart from the details."""
    files.write_text(job.folder / FAILURE, f"{reason.splitlines()[0]}\n\n{details}")
    progress.say(f"{job.title} failed: {_reason(job)}")


def _reason(job: Job) -> str:
    path = job.folder / FAILURE
    if path.exists():
        return f"{path.read_text(encoding='utf-8').splitlines()[0]} (see {path})"
    return f"needs {', '.join(need.title for need in job.needs() if not need.done())}"
