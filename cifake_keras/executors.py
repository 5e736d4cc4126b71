"""Where tasks are done: in this process, or in several that share them. Imports no TensorFlow.

Processes share tasks by locking them: whoever holds the lock of a task does it, and the lock of a process that dies
is free again. Runs that are started apart, on the same results folder, share them in the same way.
"""

import contextlib
import importlib
import multiprocessing
import os
import queue
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from cifake_keras import progress
from cifake_keras.errors import UserError

_WAIT = 2  # seconds until a task that another process is busy with is looked at again


class Task(Protocol):
    """lock: the file that whoever does the task holds."""

    title: str
    lock: Path

    def done(self) -> bool: ...

    def ready(self) -> bool:
        """Whether what it builds on is done."""

    def run(self) -> None: ...


def work(tasks: Sequence[Task]) -> None:
    """Does every task that no other process is doing; returns when all are done, by whomever."""
    waiting = False
    while left := [task for task in tasks if not task.done()]:
        if any(_done_here(task) for task in left if task.ready()):
            waiting = False
            continue
        if not waiting:
            progress.say(f"waiting for what another process is doing: {', '.join(task.title for task in left)}")
        waiting = True
        time.sleep(_WAIT)


def _done_here(task: Task) -> bool:
    task.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(task.lock, blocking=False):
            if not task.done():
                task.run()
            return True
    except Timeout:
        return False


def share(tasks: Sequence[Task], jobs: int, target: str, *arguments: object) -> None:
    """Does every task, in up to `jobs` processes; see `in_processes` for the rest. `target` is to do the same tasks."""
    if min(jobs, len(tasks)) > 1:
        in_processes(min(jobs, len(tasks)), target, *arguments)
    else:
        work(tasks)


def in_processes(jobs: int, target: str, *arguments: object) -> None:
    """Calls `target`, named as "module:function", in `jobs` processes, each with its share of the processor's cores.

    Shows what they tell. When one fails the others are stopped: raises UserError, or RuntimeError with its traceback.
    """
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    processes = [context.Process(target=_child, args=(told, threads, target, arguments)) for _ in range(jobs)]
    for process in processes:
        process.start()
    try:
        _follow(told, processes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _follow(told: multiprocessing.Queue, processes: list) -> None:
    with progress.bars() as update:
        while any(process.is_alive() for process in processes) or not told.empty():
            _check(processes)
            with contextlib.suppress(queue.Empty):
                _show(told.get(timeout=0.5), update)
    _check(processes)


def _show(message: tuple, update) -> None:
    match message:
        case ("say", text):
            progress.say(text)
        case ("done", title, done, total):
            update(title, done, total)
        case ("end", title):
            update(title, None)
        case ("refused", text):
            raise UserError(text)
        case ("failed", text):
            raise RuntimeError(text)


def _check(processes: list) -> None:
    """A process that was killed says nothing."""
    for process in processes:
        if process.exitcode:
            raise UserError(
                f"A process of --jobs ended with status {process.exitcode}, killed for want of memory perhaps. "
                "What is finished is kept: run the command again, with fewer --jobs."
            )


def _child(told: multiprocessing.Queue, threads: int, target: str, arguments: tuple) -> None:
    progress.relay(told)
    module, name = target.split(":")
    try:
        import_tensorflow(threads)
        getattr(importlib.import_module(module), name)(*arguments)
    except KeyboardInterrupt:
        pass
    except UserError as error:
        told.put(("refused", str(error)))
    except Exception:
        told.put(("failed", traceback.format_exc()))


def import_tensorflow(threads: int | None = None) -> None:
    """Imports it, and looks for devices, without its notices about instruction sets and GPUs that are not there.

    They are written before TensorFlow reads its own log level. Errors are Python exceptions and are not lost.
    threads: how many it may use, where it shares the machine.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # warns of retracing, as every model here is traced once
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.list_logical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
