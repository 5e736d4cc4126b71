"""How fast the package is, beside the machine's bound and beside PyTorch; all in one run, sides alternating.

Writes results/bench.json and results/bench.md. Needs PyTorch: `make bench` installs it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import bench_pytorch
import bench_tensorflow
import click
import numpy as np
from memory import peak_memory
from tabulate import tabulate

from cifake_keras import protocol
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say
from cifake_keras.sources import arrays
from cifake_keras.splits import composition

CORES = len(os.sched_getaffinity(0))
JOBS = CORES  # as many processes as cores is fastest
TOGETHER = 4  # candidates side by side
TOGETHER_SIDE = f"ours, {TOGETHER} side by side"
SIDES = {"authors": "PyTorch, authors'", "best": "PyTorch, best", "compiled": "PyTorch, best, compiled"}


class Process:
    """A process of its own that keeps what it has imported. module: its `start` is called first."""

    def __init__(self, module, threads: int):
        self._executor = ProcessPoolExecutor(1, get_context("spawn"), initializer=module.start, initargs=(threads,))

    def submit(self, function, *arguments):
        return self._executor.submit(function, *arguments)

    def call(self, function, *arguments):
        return self.submit(function, *arguments).result()


class Machine:
    """Ours: a process a core. PyTorch: one process with all cores. Images are random: speed does not depend on them."""

    def __init__(self, folder: Path, count: int):
        self.folder, self.count = folder, count
        self.path = folder / "images.npy"
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
        with arrays.writing(self.path, count, np.uint8) as write:
            write(self.pixels)
        self.ours = [Process(bench_tensorflow, 1) for _ in range(JOBS)]
        self.whole = Process(bench_tensorflow, CORES)
        self.torch = Process(bench_pytorch, CORES)

    def together(self, function, *arguments) -> float:
        """The sum over our processes, which work at the same time."""
        return sum(future.result() for future in [process.submit(function, *arguments) for process in self.ours])

    def measurements(self) -> dict:
        """What is measured, by (what, side): functions without arguments that give operations or images a second."""
        listed = {("peak", dtype): self._peak(dtype) for dtype in ("float32", "bfloat16")}
        for name, condition in protocol.CONDITIONS.items():
            listed[name, "ours"] = self._training(name, 1)
            listed[name, TOGETHER_SIDE] = self._training(name, TOGETHER)
            listed |= {(name, side): self._torch_training(side, condition) for side in ("authors", "best")}
        listed["baseline", "compiled"] = self._torch_training("compiled", protocol.CONDITIONS["baseline"])
        listed["baseline", "ours, one process"] = lambda: self.whole.call(*self._ours_training("baseline", 1))
        listed["autoencoder training", "ours"] = lambda: self.together(
            bench_tensorflow.autoencoder_speed, self.path, self.count // 2
        )
        for side in ("authors", "best"):
            listed["autoencoder training", side] = self._torch_autoencoder(side)
        for name in ("baseline", "perturbed_autoencoded"):
            listed[f"prediction, {name}", "ours"] = self._prediction(name)
            listed[f"prediction, {name}", "authors"] = self._torch_prediction(name)
        return listed

    def _peak(self, dtype):
        def best() -> float:
            whole = self.whole.call(bench_tensorflow.matrix_product, dtype)
            return max(whole, self.together(bench_tensorflow.matrix_product, dtype))

        return best

    def _ours_training(self, name: str, candidates: int) -> tuple:
        count = self.count // candidates
        return bench_tensorflow.training_speed, self.path, count, name, candidates, self.folder

    def _training(self, name: str, candidates: int):
        return lambda: self.together(*self._ours_training(name, candidates))

    def _torch_training(self, side: str, condition):
        pixels = self.pixels[: self.count // 2]
        labels = np.arange(len(pixels)) % 2
        return lambda: self.torch.call(bench_pytorch.training_speed, side, condition, pixels, labels)

    def _torch_autoencoder(self, side: str):
        return lambda: self.torch.call(bench_pytorch.autoencoder_speed, side, self.pixels[: self.count // 4])

    def _prediction(self, name: str):
        return lambda: self.together(bench_tensorflow.prediction_speed, self.path, self.count, name)

    def _torch_prediction(self, name: str):
        condition = protocol.CONDITIONS[name]
        return lambda: self.torch.call(bench_pytorch.prediction_speed, "authors", condition, self.pixels)

    def peak_memory(self) -> dict[str, int]:
        return {
            "ours, all processes": sum(process.call(peak_memory) for process in self.ours),
            "ours, one process": self.whole.call(peak_memory),
            "PyTorch": self.torch.call(peak_memory),
        }


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
            (condition, protocol.candidates("paper", condition.name)) for condition in protocol.CONDITIONS.values()
        ],
    }
    authors = Process(bench_pytorch, CORES).call(bench_pytorch.grid_seconds, study)
    say(f"reduced grid, PyTorch: {authors:.0f} s")
    return {"ours": ours, "authors": authors}


def bound(peak: float, operations: dict[str, int], what: str, side: str) -> float | None:
    """Images a second at the matrix-product peak; None where that is not a training.

    Candidates side by side share a reconstruction. Those of `autoencoded` are made once and not counted.
    """
    if what == "autoencoder training":
        return peak / operations["autoencoder"]
    if what not in protocol.CONDITIONS:
        return None
    shared = TOGETHER if side == TOGETHER_SIDE else 1
    reconstructing = operations["autoencoder forward"] / shared if what == "perturbed_autoencoded" else 0
    return peak / (operations["classifier"] + reconstructing)


def summary(measured: dict, operations: dict[str, int], memory: dict) -> dict:
    speeds: dict = {}
    for (what, side), values in measured.items():
        speeds.setdefault(what, {})[side] = {"median": statistics.median(values), "all": values}
    peaks = {dtype: values["median"] for dtype, values in speeds.pop("peak").items()}
    for what, sides in speeds.items():
        for side, values in sides.items():
            if limit := bound(peaks["bfloat16"], operations, what, side):
                values |= {"bound": limit, "share_of_bound": values["median"] / limit}
    return {
        "cores": CORES,
        "peak_flops": peaks,
        "operations_an_image": operations,
        "images_a_second": speeds,
        "peak_memory_bytes": memory,
    }


def markdown(result: dict) -> str:
    rows_ = []
    for what, sides in result["images_a_second"].items():
        best_torch = [sides[side]["median"] for side in ("best", "compiled") if side in sides]
        for side, values in sides.items():
            share = values.get("share_of_bound")
            rows_.append(
                (
                    what,
                    SIDES.get(side, side),
                    f"{values['median']:,.0f}",
                    f"{min(values['all']):,.0f} to {max(values['all']):,.0f}",
                    f"{100 * share:.0f}%" if share else "",
                    f"{values['median'] / sides['authors']['median']:.2f}",
                    f"{values['median'] / max(best_torch):.2f}" if best_torch else "",
                )
            )
    headings = ("What", "Side", "Images/s", "Range", "Of the bound", "Times authors'", "Times PyTorch's best")
    table = tabulate(rows_, headings, "pipe", disable_numparse=True, colalign=("left",) * 2 + ("right",) * 5)
    peaks = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {dtype}" for dtype, value in result["peak_flops"].items())
    counted = ", ".join(f"{name} {value / 1e6:.1f}" for name, value in result["operations_an_image"].items())
    memory = ", ".join(f"{name} {value / 2**30:.2f} GiB" for name, value in result["peak_memory_bytes"].items())
    lines = [
        "# Speed",
        f"Written by `make bench` on {result['cores']} cores. Training is end to end from prepared uint8 images, batch "
        "128, the paper's classifier; medians over rounds in which the sides take turns. Ours: a process of one thread "
        "on each core, their images/s added, in bfloat16 with float32 weights. Prediction is in float32 on both sides.",
        f"Matrix products: {peaks}. Million operations an image, counted layer by layer: {counted}. The bound is the "
        "bfloat16 peak over the operations of a training step; reconstructions of `autoencoded` are made once and not "
        "counted.",
        table,
        f"Peak memory: {memory}.",
    ]
    if grid := result.get("reduced_grid_seconds"):
        lines.append(
            f"Reduced grid (the demo's Phase 1 with the authors' sweeps, start-up and export included): ours "
            f"{grid['ours']:.0f} s, PyTorch as the authors wrote it {grid['authors']:.0f} s: "
            f"{grid['authors'] / grid['ours']:.1f} times."
        )
    return "\n\n".join(lines) + "\n"


def write(results_dir: Path, result: dict) -> None:
    files.write_json(results_dir / "bench.json", result)
    files.write_text(results_dir / "bench.md", markdown(result))


@click.command()
@click.option("--repeats", default=3, show_default=True)
@click.option("--images", default=8192, show_default=True, help="An epoch of a measurement.")
@click.option("--grid/--no-grid", default=True, show_default=True, help="The reduced grid, most of the time.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(repeats: int, images: int, grid: bool, results_dir: Path) -> None:
    """Measure and write results/bench.json and results/bench.md."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), images)
        measured = repeated(machine.measurements(), repeats)
        operations = machine.whole.call(bench_tensorflow.operations)
        memory = machine.peak_memory()
        result = summary(measured, operations, memory)
        write(results_dir, result)
        if grid:
            write(results_dir, result | {"reduced_grid_seconds": reduced_grid(Path(folder))})


if __name__ == "__main__":
    main()
