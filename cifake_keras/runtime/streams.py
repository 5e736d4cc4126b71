"""Standard streams that whoever started the program has closed."""

import io
import os
import sys

from cifake_keras.runtime.errors import UserError


def reopen() -> None:
    """Takes the places of closed streams: the next file that is opened would take them, and be written into.

    Standard input ends at once then, standard error goes nowhere; standard output raises UserError, as what is written
    there would be lost.
    """
    closed = [number for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)) if stream is None]
    for number in closed:
        _occupy(number)
    if 0 in closed:
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    if 1 in closed:
        sys.stdout = _Closed()
    if 2 in closed:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _occupy(number: int) -> None:
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


class _Closed(io.StringIO):
    def write(self, _: str, /) -> int:
        raise UserError("Standard output is closed: leave it open, or name a file with --output where there is one.")
