"""Jobs that tests of executors run, in processes that import them by name."""

import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from cifake_keras.runtime.errors import UserError


@dataclass
class Write:
    """Appends the process that ran it to a file."""

    folder: Path
    need: "Write | None" = None

    @property
    def title(self) -> str:
        return self.folder.name

    @property
    def claim(self) -> Path:
        return self.folder.with_suffix(".claim")

    def done(self) -> bool:
        return (self.folder / "done").exists()

    def needs(self) -> list["Write"]:
        return [self.need] if self.need else []

    def run(self) -> None:
        assert all(need.done() for need in self.needs())
        with open(self.folder / "done", "a") as file:
            file.write(f"{os.getpid()}\n")


class Fail(Write):
    def run(self) -> None:
        raise ValueError("the first line\nand more")


class Die(Write):
    def run(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hunger(Write):
    """Takes more memory than its process may have."""

    def run(self) -> None:
        import tensorflow as tf

        limit = psutil.Process().memory_info().vms + 2**28
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        tf.ones([2**30])


def tasks(folder: Path) -> list[Write]:
    first = Write(folder / "first")
    return [Write(folder / "last", first), first, *(Write(folder / str(number)) for number in range(20))]


def failing(folder: Path) -> list[Write]:
    fails = Fail(folder / "fails")
    others = Write(folder / "blocked", fails), Die(folder / "dies"), Hunger(folder / "hungry")
    return [fails, *others, *tasks(folder)]


def refused() -> None:
    raise UserError("no images")


def broken() -> None:
    raise ValueError("a bug")
