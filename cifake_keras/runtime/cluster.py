"""Jobs on a Ray cluster, whose machines share the folders that the jobs are given. Imports no TensorFlow."""

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cifake_keras.runtime import executors, interruption, processes, progress
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.executors import Job

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

try:
    import ray
except ImportError as error:
    raise UserError("Ray is not installed; install it with: pip install 'cifake-keras[ray]'") from error

_RETRIES = 3  # of a job whose worker was lost
_SAVING = 60  # seconds that workers have to save their work when they are asked to stop
_OBJECTS = 100 * 2**20  # bytes of memory for Ray's objects, of which there are hardly any


class Ray:
    """Each job is one of Ray's, which does it again elsewhere when its worker is lost.

    address: of a running cluster, "host:port" or "auto"; None starts Ray on this machine. cpus, gpus: what a job
    takes; it has as many threads as cpus. Folders must be absolute and on a file system that all machines share.
    """

    def __init__(self, address: str | None, cpus: int, gpus: float):
        self._address, self._cpus, self._gpus = address, cpus, gpus

    def settle(self, jobs: Sequence[Job], build: str, *arguments: object) -> None:
        """Raises UserError where the cluster does not answer or a job cannot write."""
        with _connected(self._address), interruption.deferred() as pending:
            self._look_for_room()
            running = self._started(jobs, build, arguments)
            try:
                for ended in progress.track(_ended(list(running), pending), "Jobs", len(running)):
                    _hear(ended, running[ended])
            finally:
                _stop(list(running))

    def _look_for_room(self) -> None:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(machine.get("CPU", 0) >= self._cpus and machine.get("GPU", 0) >= self._gpus for machine in machines):
            need = f"{self._cpus} CPUs" + (f" and {self._gpus:g} GPUs" if self._gpus else "")
            progress.say(f"no machine of the cluster has {need}: waiting for one, or ask for less for each cell")

    def _started(self, jobs: Sequence[Job], build: str, arguments: tuple) -> dict[ray.ObjectRef, Job]:
        remote = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=_RETRIES)(_work)
        started: dict[Path, tuple[ray.ObjectRef, Job]] = {}

        def start(job: Job) -> ray.ObjectRef:
            if job.folder not in started:
                needs = [start(need) for need in job.needs() if not need.done()]
                ref = remote.remote(str(job.folder), self._cpus, build, arguments, *needs)
                started[job.folder] = ref, job
            return started[job.folder][0]

        for job in jobs:
            start(job)
        return dict(started.values())


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    options: dict[str, Any] = {}
    if address:
        _check(address)
    else:
        options = {"include_dashboard": False, "object_store_memory": _OBJECTS}
    # Workers have the environment of their machine; these variables decide the last digits of a result.
    variables = {name: value for name, value in os.environ.items() if name.startswith(("TF_", "KERAS_"))}
    try:
        with interruption.kept():
            ray.init(
                address or "local",
                runtime_env={"env_vars": variables},
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
    except ConnectionError as error:
        raise UserError(f"No Ray cluster answers at {address}; start one with: ray start --head") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check(address: str) -> None:
    """Raises UserError where nobody listens at host:port. Ray itself would take minutes, and end the process."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise UserError(f"No Ray cluster answers at {address} ({error.strerror or error}); see: ray status") from error


def _ended(left: list[ray.ObjectRef], pending: interruption.Pending) -> Iterator[ray.ObjectRef]:
    """Yields each when it has ended. Checks for signals in between: within Ray's code one would lose its number."""
    while left:
        pending.check()
        ended, left = ray.wait(left, timeout=1)
        yield from ended


def _hear(ref: ray.ObjectRef, job: Job) -> None:
    try:
        if line := ray.get(ref):
            progress.say(line)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        # What needs a job that was lost ends with it.
        if not job.done() and all(need.done() for need in job.needs()):
            executors.fail(job, f"its worker was lost {_RETRIES + 1} times, the last time so: {error}")


def _stop(refs: list[ray.ObjectRef]) -> None:
    """Ends the jobs that are not finished, once they have saved what they have."""
    _, left = ray.wait(refs, num_returns=len(refs), timeout=0)
    for ref in left:  # Ray may crash when what has just ended is cancelled
        ray.cancel(ref)
    if left:
        ray.wait(left, num_returns=len(left), timeout=_SAVING)


def _work(folder: str, threads: int, build: str, arguments: tuple, *_needs: object) -> str | None:
    """In a worker: settles the job of `folder`, unless another one has. Returns the last line said: how it ended."""
    lines = _LastLine()
    progress.relay(lines)
    processes.import_tensorflow(threads)
    try:
        executors.work([job for job in processes.built(build, arguments) if str(job.folder) == folder])
    except interruption.Interrupted as interrupted:
        if interrupted.status == 128 + signal.SIGTERM:
            # Whoever ends this worker does not mean the job, which Ray does again for workers that are killed.
            os.kill(os.getpid(), signal.SIGKILL)
        raise
    return lines.last


class _LastLine:
    """Keeps the last line of what is relayed; the job's own log has them all."""

    last: str | None = None

    def send(self, message: tuple) -> None:
        if message[0] == "say":
            self.last = message[1]
