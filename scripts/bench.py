"""How fast the package is, beside the machine's bound, PyTorch and earlier code; all in one run, sides alternating.

Writes results/bench-<kind of processor>.json and .md. Needs PyTorch: `make bench` installs it.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import bench_pytorch
import bench_table
import bench_tensorflow
import click
import numpy as np
from bench_pytorch import Side
from bench_table import TOGETHER
from memory import watched_together
from worker import Worker, together

from cifake_keras import protocol
from cifake_keras.runtime import files, processor
from cifake_keras.runtime.processor import CORES
from cifake_keras.runtime.progress import say
from cifake_keras.sources import arrays
from cifake_keras.splits import composition

ROOT = Path(__file__).parents[1]
JOBS = CORES  # as many processes as cores is fastest
IMAGES = {"bfloat16": 8192, "float32": 2048}  # by precision, so that a round takes a few minutes

Measure = Callable[[], float]


class Machine:
    """Ours: a process a core. PyTorch: one process with all cores. Images are random: speed does not depend on them.

    teams: our processes by side: "ours", and with the package of another checkout "old". count: images of an epoch.
    """

    def __init__(self, folder: Path, count: int | None, against: Path | None):
        self.whole = Worker(ROOT, bench_tensorflow.start, CORES)
        self.precision: str = self.whole.call(bench_tensorflow.precision)
        self.count = count or IMAGES[self.precision]
        self.folder, self.path = folder, folder / "images.npy"
        self.pixels = np.random.default_rng(0).integers(0, 256, (self.count, 32, 32, 3), np.uint8)
        with arrays.writing(self.path, self.count, np.uint8) as write:
            write(self.pixels)
        checkouts = {"ours": ROOT} | ({"old": against} if against else {})
        self.teams = {
            side: [Worker(checkout, bench_tensorflow.start, 1) for _ in range(JOBS)]
            for side, checkout in checkouts.items()
        }
        self.torch = Worker(ROOT, bench_pytorch.start, CORES)
        best = Side(best=True, bfloat16=self.precision == "bfloat16")
        self.torch_sides = {"authors": Side(), "best": best}
        self.compiled = replace(best, compiled=True)

    def measurements(self) -> dict:
        """What is measured, by (what, side): functions without arguments that give operations or images a second."""
        listed: dict[tuple[str, str], Measure] = {}
        for dtype in dict.fromkeys(("float32", self.precision)):
            listed["peak", dtype] = partial(self._peak, dtype)
        for name in protocol.PAPER_CONDITIONS:
            listed |= self._training(name)
        one = (self.path, self.count, "baseline", 1, self.folder)
        listed["baseline", "ours, one process"] = partial(self.whole.call, bench_tensorflow.training_speed, *one)
        listed |= self._ours("autoencoder training", bench_tensorflow.autoencoder_speed, self.count // 2)
        listed |= self._torch("autoencoder training", bench_pytorch.autoencoder_speed, self.pixels[: self.count // 4])
        for name in ("baseline", "perturbed_autoencoded"):
            listed |= self._prediction(name)
        listed |= self._ours("examination, scores", bench_tensorflow.examination_speed, self.count // 8)
        return listed | self._ours("examination, saliency", bench_tensorflow.saliency_speed)

    def _peak(self, dtype: str) -> float:
        whole = self.whole.call(bench_tensorflow.matrix_product, dtype)
        return max(whole, _sum(self.teams["ours"], bench_tensorflow.matrix_product, dtype))

    def _training(self, name: str) -> dict:
        speed, each = bench_tensorflow.training_speed, self.count // TOGETHER
        listed = self._ours(name, speed, self.count, name, 1, self.folder)
        listed |= self._ours(name, speed, each, name, TOGETHER, self.folder, suffix=bench_table.SIDE_BY_SIDE)
        pixels = self.pixels[: self.count // 2]
        labels = np.arange(len(pixels)) % 2
        sides = self.torch_sides | ({"compiled": self.compiled} if name == "baseline" else {})
        return listed | self._torch(
            name, bench_pytorch.training_speed, protocol.CONDITIONS[name], pixels, labels, sides=sides
        )

    def _prediction(self, name: str) -> dict:
        what = f"prediction, {name}"
        listed = self._ours(what, bench_tensorflow.prediction_speed, self.count, name)
        condition, sides = protocol.CONDITIONS[name], {"authors": Side()}
        return listed | self._torch(what, bench_pytorch.prediction_speed, condition, self.pixels, sides=sides)

    def _ours(self, what: str, speed: Callable, *arguments: Any, suffix: str = "") -> dict:
        """Of each team: the sum over its processes, which work at the same time."""
        return {
            (what, side + suffix): partial(_sum, team, speed, self.path, *arguments)
            for side, team in self.teams.items()
        }

    def _torch(self, what: str, speed: Callable, *arguments: Any, sides: dict[str, Side] | None = None) -> dict:
        """sides: those at which PyTorch is used, both unless given."""
        sides = sides or self.torch_sides
        return {(what, name): partial(self.torch.call, speed, side, *arguments) for name, side in sides.items()}

    def processes(self) -> dict[str, list[int]]:
        """By what they are called beside the memory that they take together."""
        teams = {f"{side}, all processes": [worker.pid for worker in team] for side, team in self.teams.items()}
        return teams | {"ours, one process": [self.whole.pid], "PyTorch": [self.torch.pid]}


def _sum(team: list[Worker], speed: Callable, *arguments: Any) -> float:
    return sum(together(team, speed, *arguments))


def repeated(measurements: dict, repeats: int) -> dict:
    """Every measurement of a round after the other, round by round, so that all see the same machine."""
    measured = {key: [] for key in measurements}
    for number in range(repeats):
        for key, measure in measurements.items():
            measured[key].append(measure())
            say(f"round {number + 1} of {repeats}: {', '.join(key)}: {measured[key][-1]:.4g}")
    return measured


def reduced_grid(folder: Path) -> dict[str, float]:
    """Wall-clock seconds of the demo's Phase 1, sweeps included: our command, and a PyTorch script that does it all."""
    command = [sys.executable, "-m", "cifake_keras.cli"]
    subprocess.run([*command, "data", "prepare", "procedural", "--data-dir", folder / "data"], check=True)
    options = ["--data-dir", folder / "data", "--results-dir", folder / "results"]
    options += ["--saved-models-dir", folder / "saved_models", "--jobs", str(JOBS)]
    phase = protocol.phases("demo")["phase1"]
    composition.compose(phase, "demo", folder / "data")  # resizes the images, for both sides
    started = time.monotonic()
    subprocess.run([*command, "run-grid", "--preset", "demo", "--phase", phase.name, *options], check=True)
    ours = time.monotonic() - started
    say(f"reduced grid, ours: {ours:.0f} s")
    data = composition.compose(phase, "demo", folder / "data")
    sets = {"train": data.train, "validation": data.validation, **data.tests}
    study = {
        "sets": {name: (images.images(np.arange(len(images))), images.labels) for name, images in sets.items()},
        "autoencoder": protocol.DEMO,
        "sweeps": [
            (protocol.CONDITIONS[name], protocol.candidates("paper", name)) for name in protocol.PAPER_CONDITIONS
        ],
    }
    authors = Worker(ROOT, bench_pytorch.start, CORES).call(bench_pytorch.grid_seconds, study)
    say(f"reduced grid, PyTorch: {authors:.0f} s")
    return {"ours": ours, "authors": authors}


def commit(checkout: Path) -> str:
    command = ["git", "-C", checkout, "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write(results_dir: Path, result: dict) -> None:
    stem = f"bench-{result['processor']['kind']}"
    files.write_json(results_dir / f"{stem}.json", result)
    files.write_text(results_dir / f"{stem}.md", bench_table.markdown(result))


@click.command()
@click.option("--repeats", default=3, show_default=True)
@click.option("--images", type=int, help=f"An epoch of a measurement; by precision, unless given: {IMAGES}.")
@click.option("--grid/--no-grid", default=True, show_default=True, help="The reduced grid, half an hour.")
@click.option("--against", type=click.Path(path_type=Path, exists=True), help="A checkout of earlier code to compare.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(repeats: int, images: int | None, grid: bool, against: Path | None, results_dir: Path) -> None:
    """Measure and write bench-<kind of processor>.json and .md below the results folder."""
    say("{kind}: {model}, {cores} cores".format(**processor.described()))
    commits = {"ours": commit(ROOT)} | ({"old": commit(against)} if against else {})
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), images, against)
        with watched_together(machine.processes()) as memory:
            measured = repeated(machine.measurements(), repeats)
        result = {"processor": processor.described(), "commits": commits, "precision": machine.precision}
        operations = machine.whole.call(bench_tensorflow.operations)
        result |= bench_table.summary(measured, operations, machine.precision)
        result["peak_memory_bytes"] = memory
        write(results_dir, result)
        if grid:
            write(results_dir, result | {"reduced_grid_seconds": reduced_grid(Path(folder))})


if __name__ == "__main__":
    main()
