"""A case in a process of its own: how it ended, how long it took, how much memory, and what it did to its surroundings.

The process is forked, so that a case does not wait for imports. It runs in a folder of its own within a sandbox, and is
told to write below some of that folder's; whatever else in the sandbox changes is outside, home and temporary files
among it.
"""

import dataclasses
import hashlib
import os
import re
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from cifake_keras import cli

MAX_SECONDS = 120  # of a case; the longest takes half a minute on a core of its own
MAX_MEMORY = 3 * 2**29  # bytes of a case's process, all that it has imported included
_MOST_MEMORY = 2**32  # more than it began with, and a case gets no memory: the machine is not to suffer

_PAUSE = 0.01  # seconds

SECRET = "no-case-may-tell-or-copy-this"
_CASE, _OUTSIDE, _HOME, _TEMPORARY = "case", "outside", "home", "tmp"

# What moves a terminal's cursor, colours it or hides a part of it.
_CONTROL = re.compile("[^\n\t\\x20-\\x7e\\xa0-\U0010ffff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclasses.dataclass(frozen=True)
class Case:
    """rule: what it was generated from. command: the words after `cifake-keras`, or a function, run as a command is.

    set_up: makes its folder, which is the command's working directory, and gets the path of a file outside of it.
    writes: the folders therein that the command is told to write to.
    """

    rule: str
    name: str
    command: tuple[str, ...] | Callable[[], object]
    set_up: Callable[[Path, Path], object] = lambda folder, secret: None
    writes: tuple[str, ...] = ()


@dataclasses.dataclass
class Outcome:
    """status: as a shell has it, negative where a signal ended it. problems: a clause for each that there is."""

    status: int
    output: str
    seconds: float
    memory: int
    problems: list[str]


class Sandbox:
    """A folder with one for a case, and beside it what no case may change."""

    def __init__(self, root: Path):
        self.root, self.secret = root, root / _OUTSIDE / "secret.png"
        self._output = root.with_name(f"{root.name}.output")
        for name in (_OUTSIDE, _HOME, _TEMPORARY):
            (root / name).mkdir(parents=True)
        self.secret.write_text(SECRET)
        os.environ |= {"HOME": str(root / _HOME), "TMPDIR": str(root / _TEMPORARY)}

    def run(self, case: Case) -> Outcome:
        folder = self.root / _CASE
        folder.mkdir()
        try:
            case.set_up(folder, self.secret)
            before = snapshot(self.root, [folder / name for name in case.writes])
            status, seconds, memory = self._end(case, folder)
            after = snapshot(self.root, [folder / name for name in case.writes])
            outcome = Outcome(status, self._output.read_text(errors="backslashreplace"), seconds, memory, [])
            outcome.problems += _ending(outcome) + [f"{change} outside" for change in changes(before, after)]
            if SECRET in outcome.output or copied(SECRET, (folder / name for name in case.writes)):
                outcome.problems.append("told or copied a file outside")
            return outcome
        finally:
            shutil.rmtree(folder)

    def _end(self, case: Case, folder: Path) -> tuple[int, float, int]:
        sys.stdout.flush()
        sys.stderr.flush()
        begun = time.monotonic()
        process = os.fork()
        if not process:
            _child(case, folder, self._output)
        ended, status, usage = os.wait4(process, os.WNOHANG)
        while not ended:
            time.sleep(_PAUSE)
            if time.monotonic() - begun > MAX_SECONDS:
                os.killpg(process, signal.SIGKILL)
            ended, status, usage = os.wait4(process, os.WNOHANG)
        return os.waitstatus_to_exitcode(status), time.monotonic() - begun, usage.ru_maxrss * 1024


def _child(case: Case, folder: Path, output: Path) -> None:
    """Ends the process, as the command does."""
    status = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        tempfile.tempdir = None  # chosen anew
        _redirect(output)
        limit = _address_space() + _MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        cli.main(_words(case.command), prog_name="cifake-keras")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(output: Path) -> None:
    with open(os.devnull, "rb") as nothing, open(output, "wb") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _words(command: tuple[str, ...] | Callable[[], object]) -> list[str]:
    """A function becomes a command, so that what it raises ends as it does there."""
    if isinstance(command, tuple):
        return list(command)
    cli.main.add_command(click.Command("function", callback=command))
    return ["function"]


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _ending(outcome: Outcome) -> list[str]:
    """What is wrong with how a case ended: a command does its work, or says in one sentence why it does not."""
    problems = []
    if outcome.seconds > MAX_SECONDS:
        problems.append(f"took more than {MAX_SECONDS} s")
    elif outcome.status not in (0, 2):
        problems.append(f"ended with {outcome.status}")
    if "Traceback" in outcome.output:
        problems.append("a traceback")
    sentences = sum(line.startswith("Error: ") for line in outcome.output.splitlines())
    if outcome.status == 2 and (sentences > 1 or "Usage: " in outcome.output or not outcome.output.strip()):
        problems.append("no one sentence")
    if _CONTROL.search(outcome.output):
        problems.append("characters that a terminal obeys")
    if outcome.memory > MAX_MEMORY:
        problems.append(f"{outcome.memory:,} bytes of memory")
    return problems


# --- Surroundings


def snapshot(root: Path, but: Iterable[Path] = ()) -> dict[Path, str]:
    """What is below `root`, but for what is in the folders `but`: of a file its digest, of a link where it leads."""
    left_out, entries = set(but), {}
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(parent, name) not in left_out]
        entries |= {Path(parent, name): _entry(Path(parent, name)) for name in (*folders, *names)}
    return {path: entry for path, entry in entries.items() if path not in left_out}


def _entry(path: Path) -> str:
    """Opens nothing but files: a pipe would never end."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else stat.filemode(mode)


def changes(before: dict[Path, str], after: dict[Path, str]) -> list[str]:
    """Each path that came, went or is another, as "made x"."""
    made = [f"made {path.name}" for path in after.keys() - before.keys()]
    gone = [f"removed {path.name}" for path in before.keys() - after.keys()]
    return (
        made + gone + [f"changed {path.name}" for path in before.keys() & after.keys() if before[path] != after[path]]
    )


def copied(secret: str, folders: Iterable[Path]) -> bool:
    """Whether a file in the folders holds it."""
    files = (path for folder in folders for path in folder.rglob("*") if stat.S_ISREG(path.lstat().st_mode))
    return any(secret.encode() in path.read_bytes() for path in files)
