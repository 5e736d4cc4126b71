"""Files and folders appear whole or not at all, and no other is touched."""

import os
import socket
import subprocess
import sys

import pytest

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

LEFT = f".cifake-keras.{socket.gethostname()}.{{}}.new.a.csv"


@pytest.fixture(scope="module")
def dead():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "name", [".photos.of.2019.a.csv", ".my.tax.notes.a.csv", ".my.old.notes.a.csv", ".a.1.new.a.csv", LEFT.format("x1")]
)
@pytest.mark.parametrize("folder", [False, True])
def test_hidden_files_and_folders_of_others_stay(name, folder, tmp_path):
    hidden = tmp_path / name
    if folder:
        hidden.mkdir()
        (hidden / "photograph.jpg").touch()
    else:
        hidden.write_text("notes")
    os.utime(hidden, (0, 0))
    files.write_text(tmp_path / "a.csv", "1")
    assert hidden.exists() and (hidden.is_file() or (hidden / "photograph.jpg").exists())


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path, dead):
    left, written = tmp_path / LEFT.format(dead), tmp_path / LEFT.format(os.getppid())
    left.touch()
    written.touch()
    files.write_text(tmp_path / "a.csv", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([written.name, "a.csv"])


@pytest.mark.parametrize("read", [files.read_json, files.sha256])
def test_what_never_ends_is_not_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(UserError, match=f"{name} is a folder, a pipe or a device"):
            read(tmp_path / name)
