"""What `make bench` counts, against a count by hand (section 2.3 of the protocol), and what its table says."""

import os
import pkgutil

import bench_table
import bench_tensorflow
import pytest
from worker import Worker

from cifake_keras.runtime import processor

OPERATIONS = {"classifier": 100, "autoencoder": 200, "autoencoder forward": 100}


def test_operations_are_those_counted_by_hand():
    first, second, pixels = 3 * 9 * 32, 32 * 9 * 32, 32 * 32
    products = first * pixels + second * pixels + 32_768 * 64 + 64 * 64 + 64
    assert bench_tensorflow.operations()["classifier"] == 2 * (3 * products - first * pixels)
    first = 3 * 9 * 32 * 16 * 16
    coder = first + 32 * 9 * 64 * 8 * 8 + 2 * 4096 * 2048 + 64 * 9 * 32 * 16 * 16 + 32 * 9 * 3 * pixels
    assert bench_tensorflow.operations()["autoencoder forward"] == 2 * coder
    assert bench_tensorflow.operations()["autoencoder"] == 2 * (3 * coder - first)


@pytest.mark.parametrize(
    "flags, kind",
    [
        ("sse4_2 avx avx2", "avx2"),
        ("avx2 avx512f avx512_vnni", "avx512"),
        ("avx2 avx512f avx512_bf16", "avx512_bf16"),
        ("avx2 avx512f avx512_bf16 amx_bf16 amx_tile", "amx_bf16"),
        ("asimd", "other"),
    ],
)
def test_a_processor_is_called_after_the_fastest_arithmetic_it_has(flags, kind):
    assert processor.kind_of(f"model name : A\nflags : fpu {flags} erms\n") == kind


def test_a_worker_imports_the_package_of_its_checkout(tmp_path):
    (tmp_path / "cifake_keras").mkdir()
    earlier = tmp_path / "cifake_keras" / "__init__.py"
    earlier.touch()
    worker = Worker(tmp_path, os.getpid)
    assert worker.call(pkgutil.resolve_name, "cifake_keras:__file__") == str(earlier)


def cells_of(what, side, table):
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return next(row[2:] for row in rows if row[:2] == [what, side])


def test_the_table_has_earlier_code_and_pytorch_as_ratios():
    together = bench_table.SIDE_BY_SIDE
    measured = {("peak", "float32"): [4000.0], ("baseline", "ours"): [30.0, 10.0, 20.0], ("baseline", "old"): [5.0]}
    measured |= {("baseline", f"ours{together}"): [30.0], ("baseline", f"old{together}"): [15.0]}
    measured |= {("baseline", "authors"): [8.0], ("baseline", "best"): [10.0], ("baseline", "compiled"): [16.0]}
    result = bench_table.summary(measured, OPERATIONS, "float32") | {"precision": "float32", "peak_memory_bytes": {}}
    result |= {"processor": {"kind": "avx2", "model": "A", "cores": 2}, "commits": {"ours": "a", "old": "b"}}
    table = bench_table.markdown(result)
    assert cells_of("baseline", "ours", table) == ["20", "10 to 30", "50%", "4.00", "2.50", "1.25"]
    assert cells_of("baseline", f"ours{together}", table)[3] == "2.00", "beside the same of earlier code"
    assert "in float32 with" not in table and "bfloat16" not in table, "this processor has none"
    assert "kind avx2" in table and "old is commit b" in table
