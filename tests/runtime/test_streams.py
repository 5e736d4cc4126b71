"""Closed and full streams: what is answered arrives, or the exit status says that it did not."""

import subprocess
import sys

import pytest
from support import noise_png


def answers(redirection: str, folder) -> tuple[int, str, str]:
    """Status and both outputs of `predict` in a shell; folder: holds the image."""
    (folder / "a.png").write_bytes(noise_png(0))
    line = f'exec "$0" -m cifake_keras.cli predict "$1" --format csv {redirection}'
    done = subprocess.run(["sh", "-c", line, sys.executable, folder / "a.png"], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">&-", "Error: Standard output is closed"), (">/dev/full", "Error: No space left on device"), ("2>&- >&-", "")],
)
def test_answers_that_are_lost_are_no_success(redirection, reason, tmp_path):
    status, output, error = answers(redirection, tmp_path)
    assert (status, output) == (2, "") and error.startswith(reason)


@pytest.mark.parametrize("redirection", ["2>&-", "<&-", "2>&- <&-"])
def test_what_is_not_needed_may_be_closed(redirection, tmp_path):
    status, output, error = answers(redirection, tmp_path)
    assert (status, error) == (0, "") and output.splitlines()[1].startswith(str(tmp_path / "a.png"))


def test_a_reader_that_has_had_enough_is_no_traceback(tmp_path):
    status, _, error = answers("| true", tmp_path)
    assert status == 0 and error == ""
