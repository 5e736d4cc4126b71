"""Ctrl-C and SIGTERM: at once, or, where work would be lost, when it can be saved."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import parent_process

from cifake_keras.runtime.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_received: int | None = None


class Interrupted(KeyboardInterrupt):
    """status: the exit status that a shell expects of a process that a signal ended."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number


class Pending:
    """The signal that has come, if any."""

    number: int | None = None

    def check(self) -> None:
        """Raises Interrupted if a signal has come."""
        if self.number:
            raise Interrupted(self.number)


def raised() -> None:
    """From now on both signals raise Interrupted in the main thread; UserError where a library has sent the signal."""
    global _received
    _received = None
    _handle(dict.fromkeys(SIGNALS, _raise))


def check() -> None:
    """Raises Interrupted if it has been raised: libraries make other errors of it, TensorFlow where it traces."""
    if _received:
        raise Interrupted(_received)


def with_parent() -> None:
    """From now on this process is sent SIGTERM when the one that started it has ended."""

    def watch() -> None:
        if parent := parent_process():
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def deferred() -> Iterator[Pending]:
    """Within, signals wait for `Pending.check`, or for the end."""
    pending = Pending()
    before = _handle(dict.fromkeys(SIGNALS, lambda number, _: setattr(pending, "number", number)))
    try:
        yield pending
    finally:
        _handle(before)
    pending.check()


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Handlers that a library sets within do not last."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        _handle(before)


def _raise(number: int, _: object) -> None:
    # OpenBLAS sends SIGINT to its own process where it cannot start its threads.
    if number == signal.SIGINT and not _threads_start():
        raise UserError("This machine starts no more threads: raise its limit (ulimit -u), or end other programs.")
    global _received
    _received = number
    raise Interrupted(number)


def _threads_start() -> bool:
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return False
    return True


def _handle(handlers: dict) -> dict:
    """Sets handlers by signal and returns the former ones. Python allows it in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number, handler in handlers.items()}
