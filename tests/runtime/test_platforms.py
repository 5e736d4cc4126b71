"""What Linux alone has is taken away, in all processes, as on a Mac."""

import os
import subprocess
import sys

import pytest
from jobs import tasks
from support import command, noise_png

# Attributes of modules that CPython has on Linux and not on macOS.
TAKEN = """
import os, select, signal
for module, names in {
    os: "sched_getaffinity sched_setaffinity sched_getparam memfd_create eventfd pidfd_open posix_fadvise splice "
    "copy_file_range getrandom getxattr setxattr listxattr process_cpu_count",
    signal: "sigtimedwait sigwaitinfo pidfd_send_signal",
    select: "epoll",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
"""
SETTLE = """
import pathlib, sys, jobs
from cifake_keras.runtime.processes import Local
if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    Local(2).settle(jobs.tasks(folder), "jobs:tasks", folder)
"""


@pytest.fixture
def elsewhere(tmp_path):
    """The environment of processes without what Linux alone has."""
    (tmp_path / "sitecustomize.py").write_text(TAKEN)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


@pytest.mark.slow
def test_the_detector_answers_elsewhere(elsewhere, tmp_path):
    (tmp_path / "a.png").write_bytes(noise_png(0))
    paths = "\n".join([str(tmp_path / "a.png")] * 100)
    done = command("predict", "--format", "csv", "-", input=paths, env=elsewhere)
    assert (done.returncode, done.stdout.count("a.png"), done.stderr) == (0, 100, "")


@pytest.mark.slow
def test_processes_share_work_elsewhere(elsewhere, tmp_path):
    (tmp_path / "settle.py").write_text(SETTLE)
    subprocess.run([sys.executable, tmp_path / "settle.py", tmp_path], env=elsewhere, check=True)
    assert all(task.done() for task in tasks(tmp_path))
