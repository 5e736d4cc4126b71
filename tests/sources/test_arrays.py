"""Rows on disk: the array they were written from, without its weight."""

import subprocess
import sys

import numpy as np
import pytest

from cifake_keras.sources import arrays


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_rows_come_in_the_order_asked_for(tmp_path, dtype):
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3)).astype(dtype)
    with arrays.writing(tmp_path / "images.npy", 30, dtype) as write:
        write(images[0])
        write(images[1:])
    kept = arrays.Rows(tmp_path / "images.npy")
    order = np.array([29, 0, 7, 7, 13])
    assert np.array_equal(kept[order], images[order])
    assert len(kept) == 30 and kept.dtype == dtype and kept.shape == images.shape


GROWTH = """
import resource, sys, numpy as np
from cifake_keras.sources.arrays import Rows
kept = Rows(sys.argv[1])
kept[np.arange(100)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for first in range(0, len(kept), 100):
    kept[np.arange(first, first + 100)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_an_array_that_was_read_is_not_in_memory(tmp_path):
    path = tmp_path / "images.npy"
    with arrays.writing(path, 40_000, np.uint8) as write:
        for _ in range(40):
            write(np.zeros((1000, 32, 32, 3), np.uint8))
    done = subprocess.run([sys.executable, "-c", GROWTH, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000, "KiB; the file has 120,000"
