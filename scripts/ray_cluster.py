"""Run a grid on a Ray cluster of which a machine is killed half-way, and compare it with a local run: results/ray.json.

The cluster is Ray's own, on this machine: a head that does no work, and two worker nodes of one core each. The grid is
the demo's Phase 1, four conditions and three seeds, with one epoch. When half of the cells are done, one worker node's
raylet and all its workers get SIGKILL, in the middle of what they are doing.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import click
import psutil
from ray.cluster_utils import Cluster

from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say

GRID = ("run-grid", "--preset", "demo", "--phase", "phase1", "--no-sweep", "--epochs", "1")
CONDITIONS, SEEDS = 4, 3
MACHINE = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
LOCAL = ("--executor", "local", "--jobs", str(len(os.sched_getaffinity(0))))  # one thread for each cell


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list]]:
    """Yields its address and its worker nodes, of one core each."""
    of_machine = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **MACHINE})
    try:
        yield of_machine.address, [of_machine.add_node(num_cpus=1, **MACHINE) for _ in range(workers)]
    finally:
        of_machine.shutdown()


def processes_of(node) -> list[psutil.Process]:
    """A worker node's raylet and all that it started."""
    (raylet,) = node.all_processes["raylet"]
    process = psutil.Process(raylet.process.pid)
    return [process, *process.children(recursive=True)]


def kill(node) -> None:
    processes = processes_of(node)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def started(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "cifake_keras.cli", *map(str, arguments)])


def run(*arguments: object) -> None:
    if status := started(*arguments).wait():
        raise SystemExit(f"{' '.join(map(str, arguments))} ended with {status}")


def done(results_dir: Path) -> list[Path]:
    return cells.finished(results_dir)


def disturbed(grid: Sequence[object], results_dir: Path, after: int) -> int:
    """Runs the grid on a cluster of two workers, of which one is killed. Returns how many cells were done by then."""
    with cluster(2) as (address, nodes):
        process = started(*grid, "--executor", "ray", "--ray-address", address)
        while (before := len(done(results_dir))) < after:
            if process.poll() is not None:
                raise SystemExit(f"run-grid ended with {process.returncode} before half of the cells were done")
            time.sleep(0.1)
        say(f"killing a worker node after {before} cells")
        kill(nodes[0])
        if process.wait():
            raise SystemExit(f"run-grid ended with {process.returncode}")
    return before


def compared(data_dir: Path, folder: Path) -> dict:
    """What ray.json is to hold."""
    seconds, tables = {}, {}
    for executor in ("local", "ray"):
        results = folder / executor
        grid = (*GRID, "--seeds", SEEDS, "--data-dir", data_dir, "--results-dir", results)
        grid += ("--saved-models-dir", folder / f"{executor}-models")
        begun = time.monotonic()
        if executor == "local":
            run(*grid, *LOCAL)
        else:
            before = disturbed(grid, results, CONDITIONS * SEEDS // 2)
        seconds[executor] = round(time.monotonic() - begun)
        run("tables", "--results-dir", results)
        tables[executor] = (results / "tables" / "grid.csv").read_bytes()
    return {
        "cells": len(done(folder / "ray")),
        "worker_nodes": 2,
        "killed": "the first worker node: SIGKILL to its raylet and workers",
        "cells_done_before": before,
        "identical": tables["ray"] == tables["local"],
        "seconds": seconds,
    }


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    """Run both, compare their grid.csv and write results/ray.json."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run("data", "prepare", "procedural", "--data-dir", folder / "data")
        result = compared(folder / "data", folder)
    files.write_json(results_dir / "ray.json", result)
    if not result["identical"]:
        raise SystemExit("the numbers of the cluster are not those of this machine")


if __name__ == "__main__":
    main()
