"""Jobs in processes of this machine. Imports no TensorFlow."""

import importlib
import multiprocessing
import os
import platform
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from cifake_keras.runtime import executors, interruption, progress, silence
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.executors import Job

_WHOLE = "All pieces of work"  # their bar's title


class Local:
    """Up to `processes` processes, each with its share of the cores; this process where that is one.

    The share follows from `processes` even when fewer jobs are left: another number of threads gives other last digits.
    """

    def __init__(self, processes: int):
        self._processes = processes

    def settle(self, jobs: Sequence[Job], build: str, *arguments: object) -> None:
        if jobs and self._processes > 1:
            _Team(jobs, self._processes, build, arguments).work()
        else:
            executors.work(jobs)


class _Team:
    """Processes that share jobs.

    One that is killed at a job, which has failed then, is replaced; one that is killed before is not, lest that go on
    for ever.
    """

    def __init__(self, jobs: Sequence[Job], processes: int, build: str, arguments: tuple):
        self._jobs = {str(job.folder): job for job in jobs}
        threads = max(1, cores() // processes)
        self._arguments = (threads, build, arguments)
        self._members: dict[Connection, _Member] = {}
        self._settled = 0  # here, not by other programs that share the jobs
        for _ in range(min(processes, len(jobs))):
            self._start()

    def work(self) -> None:
        progress.say(f"{len(self._jobs)} pieces of work; {len(self._members)} processes start, which takes a while")
        try:
            with progress.bars() as update:
                update(_WHOLE, 0, len(self._jobs))
                while self._members:
                    ready = wait(self._members)
                    for connection in [connection for connection in self._members if connection in ready]:
                        self._receive(connection, update)
            if not all(map(executors.settled, self._jobs.values())):
                raise UserError("All processes of --jobs ended before they could begin, for want of memory perhaps.")
        finally:
            for member in self._members.values():
                member.process.terminate()
            for member in self._members.values():
                member.process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        # A pipe each: one that all write to would stay locked when one of them is killed.
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(sender, *self._arguments))
        process.start()
        sender.close()
        self._members[receiver] = _Member(process)

    def _receive(self, connection: Connection, update: Callable[..., None]) -> None:
        try:
            message = connection.recv()
        except EOFError:
            self._ended(self._members.pop(connection))
            return
        match message:
            case ("say", text):
                progress.say(text)
            case ("began", folder):
                self._settled += self._members[connection].job is not None
                self._members[connection].job = self._jobs[folder]
                update(_WHOLE, self._settled, len(self._jobs))
            case ("done", title, done, total):
                update(title, done, total)
            case ("end", title):
                update(title, None)
            case ("refused", text):
                raise UserError(text)
            case ("failed", text):
                raise RuntimeError(text)

    def _ended(self, member: "_Member") -> None:
        member.process.join()
        status = member.process.exitcode
        if status == 0:
            return
        if member.job is None:
            progress.say(f"a process of --jobs ended with status {status} before it could begin; the others go on")
            return
        if not member.job.done():
            executors.fail(member.job, f"its process ended with status {status}, for want of memory perhaps")
        self._start()


@dataclass
class _Member:
    """A process and the job that it began last."""

    process: BaseProcess
    job: Job | None = None


def _child(sender: Connection, threads: int, build: str, arguments: tuple) -> None:
    interruption.raised()
    interruption.with_parent()
    progress.relay(sender)
    try:
        import_tensorflow(threads)
        executors.work(built(build, arguments))
    except interruption.Interrupted as interrupted:
        sys.exit(interrupted.status)
    except UserError as error:
        sender.send(("refused", str(error)))
    except Exception:
        sender.send(("failed", traceback.format_exc()))


def cores() -> int:
    """Those that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def built(build: str, arguments: tuple) -> Sequence[Job]:
    """The jobs that a function returns. build: its name, as "package.module:function"."""
    module, name = build.split(":")
    return getattr(importlib.import_module(module), name)(*arguments)


def import_tensorflow(threads: int | None = None) -> None:
    """Imports it, and looks for devices, without its notices about instruction sets and missing GPUs.

    They are written before TensorFlow reads its own log level. Keras gets the settings that networks are trained with,
    whatever a user's ~/.keras/keras.json says.
    threads: how many it may use, where it shares the machine.
    """
    # TensorFlow uses oneDNN by itself only from AVX512-VNNI on; with AVX2 alone a training step is three times as fast.
    if platform.machine() == "x86_64":
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with silence.standard_error():
        import keras
        import tensorflow as tf

        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")
        keras.config.set_epsilon(1e-7)

        tf.get_logger().setLevel("ERROR")  # warns of retracing, as every model here is traced once
        # TensorFlow multiplies float32 on a GPU with ten bits of the fraction unless told otherwise.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.list_logical_devices()
