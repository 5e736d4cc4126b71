"""What costs grow with: training with the images, examination and tables with the cells, preparing with the decoder.

Writes what it measures into results/growth.json, each cost with its processor, and draws docs/growth.svg.
`python scripts/growth.py tables` measures one cost again and keeps the others. All images are random or procedural.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from itertools import islice, product
from pathlib import Path

import click
import growth_plot
import growth_work
import numpy as np
import pandas as pd
from PIL import Image
from worker import Worker

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.records import cells
from cifake_keras.runtime import files, processes, processor
from cifake_keras.runtime.progress import say
from cifake_keras.sources import arrays, scenes

ROOT = Path(__file__).parents[1]
CHUNK = 10_000

# Training: prepared images.
IMAGES = 100_000, 1_000_000, 10_000_000
# Examination and tables: cells.
EXAMINED, FINISHED = (1, 2, 4), (10, 100, 1000)
# Preparing: different JPEGs, and how often each is prepared under another name.
JPEGS, REPEATS = 1_000, 20


def training(folder: Path) -> list[dict]:
    """Of each number of prepared images: composing, beginning an epoch, images a second of its first, peak memory."""
    rows = []
    for count in IMAGES:
        write_source(folder / "data", count)
        measured = Worker(ROOT, processes.import_tensorflow, 1).call(growth_work.trained, folder / "data", count)
        rows.append({"images": count} | measured)
        shutil.rmtree(folder / "data")
    return rows


def write_source(data_dir: Path, count: int) -> None:
    """What `data prepare cifake` and the first use leave behind, without the native originals.

    The first 100,000 images are random. The others are a hole in the file, and so black, and take no room.
    """
    folder = data_dir / "cifake" / "1.0.0"
    resized = folder / f"{protocol.IMAGE_SIZE}-{protocol.KERNELS[0]}"
    resized.mkdir(parents=True)
    files.write_json(folder / "dataset_info.json", {})
    rng = np.random.default_rng(0)
    images = resized / "images.npy"
    with arrays.writing(images, count, np.uint8) as write:
        for _ in range(IMAGES[0] // CHUNK):
            write(rng.integers(0, 256, (CHUNK, 32, 32, 3), np.uint8))
    os.truncate(images, images.stat().st_size + (count - IMAGES[0]) * 32 * 32 * 3)
    for first in range(0, count, IMAGES[0]):
        examples = _examples(np.arange(first, first + IMAGES[0]), rng)
        examples.to_csv(resized / "examples.csv", index=False, mode="a", header=not first)
    digests = {name: files.sha256(resized / name) for name in ("images.npy", "examples.csv")}
    files.write_json(resized / "digests.json", digests)


def _examples(number: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    examples = pd.DataFrame({"split": np.where(number % 12, "train", "test"), "label": number % 2, "generator": ""})
    examples["filename"] = [f"train/FAKE/{i:07d}.jpg" for i in number]
    examples["digest"] = [rng.bytes(32).hex() for _ in number]
    return examples


def examination(folder: Path) -> list[dict]:
    """Seconds of `cifake-keras examine`, in one process, by cells of the baseline in the demo's Phase 1."""
    command("data", "prepare", "procedural", "--data-dir", folder / "data")
    cell = ("--phase", "phase1", "--condition", "baseline")
    folders = ("--data-dir", folder / "data", "--results-dir", folder / "results")
    trained = ("--preset", "demo", "--no-sweep", "--epochs", 1, "--seeds", EXAMINED[-1])
    command("run-grid", *trained, *cell, *folders, "--saved-models-dir", folder / "saved_models")
    rows = []
    for count in EXAMINED:
        for examined in folder.rglob(cells.EXAMINATION):
            shutil.rmtree(examined)
        rows.append({"cells": count, "seconds": command("examine", "--seeds", count, *cell, *folders)})
    return rows


def tables(folder: Path) -> list[dict]:
    """Seconds of `cifake-keras tables` by finished cells, which have the sizes of those of the paper's counts."""
    rows = []
    for count in FINISHED:
        results_dir = folder / str(count)
        write_cells(results_dir, count)
        rows.append({"cells": count, "seconds": command("tables", "--results-dir", results_dir)})
    return rows


def write_cells(results_dir: Path, count: int) -> None:
    """Finished cells of both phases. Their weights and predictions are one file, of which they all have a link."""
    kept = results_dir / cells.WEIGHTS, results_dir / cells.PREDICTIONS
    results_dir.mkdir()
    kept[0].write_bytes(np.random.default_rng(0).bytes(8_500_000))
    kept[1].write_text("cifake,matched,test/FAKE/0001.jpg,FAKE,,0.912345\n" * 42_600)
    digests = {path.name: files.sha256(path) for path in kept}
    phases = [phase.name for phase in protocol.PAPER_PHASES]
    every = product(range(count), phases, ("paper", "bird_lotfi"), protocol.PAPER_CONDITIONS)
    for seed, phase, classifier, condition in islice(every, count):
        cell = cells.Cell(phase, condition, classifier, seed)
        folder = cell.folder(results_dir)
        folder.mkdir(parents=True)
        for path in kept:
            os.link(path, folder / path.name)
        files.write_json(folder / cells.METRICS, _metrics(cell) | digests)


def _metrics(cell: cells.Cell) -> dict:
    """As a finished cell records them."""
    phase = protocol.phases("available")[cell.phase]
    scores = dict.fromkeys(METRICS, 0.9) | {"threshold": 0.5, "n_real": 1000, "n_fake": 300}
    settings = {"learning_rate": 1e-3, "l2": 1e-4, "epochs": 5, "batch_size": 128}
    return {
        "preset": "available",
        "phase": cell.phase,
        "condition": cell.condition,
        "classifier": cell.classifier,
        "seed": cell.seed,
        "kernel": protocol.KERNELS[0],
        "selection": "fixed",
        "hyperparameters": settings,
        "n_train": 100_000,
        "n_validation": 10_000,
        "validation_accuracy": 0.9,
        "tests": {test.name: dict.fromkeys(protocol.EVALUATIONS, scores) for test in phase.tests},
        "data": [{"name": "CIFAKE", "images": 120_000, "fingerprint": "", "splits": {"train": {"REAL": 1, "FAKE": 1}}}],
        "seconds": 600.0,
    }


def preparing(folder: Path) -> list[dict]:
    """Images a second of `data prepare`, of its first use, and of Pillow decoding the same files in a loop."""
    count, encoded = JPEGS * REPEATS, [_jpeg(image) for image in scenes.images("camera", JPEGS)]
    started = time.monotonic()
    for _ in range(REPEATS):
        for jpeg in encoded:
            np.asarray(Image.open(io.BytesIO(jpeg)))
    decoding = time.monotonic() - started
    _write_archive(folder / "cifake.zip", encoded)
    preparing = command("data", "prepare", "cifake", "--from", folder / "cifake.zip", "--data-dir", folder / "data")
    first_use = Worker(ROOT, processes.import_tensorflow, 1).call(growth_work.first_used, folder / "data")
    seconds = {"decoding": decoding, "data prepare": preparing, "first use": first_use}
    return [{"work": work, "images": count, "images_a_second": count / of} for work, of in seconds.items()]


def _jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _write_archive(path: Path, encoded: list[bytes]) -> None:
    """In CIFAKE's layout: half of them are called real, half fake, and a sixth are to test on."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, jpeg in enumerate(encoded * REPEATS):
            split = "train" if number // 2 % 6 else "test"
            archive.writestr(f"{split}/{protocol.CLASSES[number % 2]}/{number:06d}.jpg", jpeg)


def command(*arguments: object) -> float:
    """The seconds that cifake-keras takes."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "cifake_keras.cli", *map(str, arguments)], check=True)
    return time.monotonic() - started


COSTS = {"training": training, "examination": examination, "tables": tables, "preparing": preparing}


@click.command()
@click.argument("costs", nargs=-1, type=click.Choice(list(COSTS)))
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(costs: tuple[str, ...], results_dir: Path) -> None:
    """Measure COSTS, all of them unless named, into growth.json, and draw all that is there."""
    path = results_dir / "growth.json"
    growth = files.read_json(path) if costs else {}
    for name in costs or COSTS:
        with tempfile.TemporaryDirectory() as folder:
            growth[name] = {"processor": processor.described(), "measured": COSTS[name](Path(folder))}
        say(f"{name}: {growth[name]['measured']}")
        files.write_json(path, growth)
    growth_plot.write(growth)


if __name__ == "__main__":
    main()
