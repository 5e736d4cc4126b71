"""A process of its own that keeps what it has imported, with the package of any checkout.

It is started as a program: processes of multiprocessing would import what the one that starts them has imported.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class Worker:
    """Calls functions of modules beside this one. checkout: the folder whose cifake_keras they import."""

    def __init__(self, checkout: Path, start: Callable, *arguments: Any):
        """start: what it calls first, with `arguments`."""
        self._connection, other = Pipe()
        command = [sys.executable, __file__, str(other.fileno())]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        self._process = subprocess.Popen(command, env=environment, pass_fds=[other.fileno()])
        other.close()
        self.call(start, *arguments)

    @property
    def pid(self) -> int:
        return self._process.pid

    def submit(self, function: Callable, *arguments: Any) -> None:
        self._connection.send((function, arguments))

    def result(self) -> Any:
        """What the function returned that was submitted last; EOFError where it raised, which is on screen."""
        return self._connection.recv()

    def call(self, function: Callable, *arguments: Any) -> Any:
        self.submit(function, *arguments)
        return self.result()


def together(workers: list[Worker], function: Callable, *arguments: Any) -> list:
    """The results of workers that call a function at the same time."""
    for worker in workers:
        worker.submit(function, *arguments)
    return [worker.result() for worker in workers]


def _submitted(connection: Connection) -> Iterator[tuple[Callable, tuple]]:
    with contextlib.suppress(EOFError):  # whoever started this has ended
        while True:
            yield connection.recv()


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    for function, arguments in _submitted(connection):
        connection.send(function(*arguments))


if __name__ == "__main__":
    main()
