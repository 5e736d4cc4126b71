"""Whether a million images train as fast as a hundred thousand, and in as much memory.

Writes results/growth.json: of each size the images/s of an epoch of the baseline, and the peak memory of the process
that read, dealt and trained it. The images are random.
"""

import dataclasses
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pandas as pd
from memory import peak_memory

from cifake_keras import protocol
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.progress import say
from cifake_keras.sources import arrays
from cifake_keras.splits import composition

SIZES = (100_000, 1_000_000)
CHUNK = 10_000


def write_source(data_dir: Path, count: int) -> None:
    """What `data prepare cifake` and the first use leave behind, of random images without their native originals."""
    folder = data_dir / "cifake" / "1.0.0"
    resized = folder / f"{protocol.IMAGE_SIZE}-{protocol.KERNELS[0]}"
    resized.mkdir(parents=True)
    files.write_json(folder / "dataset_info.json", {})
    rng = np.random.default_rng(0)
    with arrays.writing(resized / "images.npy", count, np.uint8) as write:
        for _ in range(count // CHUNK):
            write(rng.integers(0, 256, (CHUNK, 32, 32, 3), np.uint8))
    number = np.arange(count)
    examples = pd.DataFrame({"split": np.where(number % 12, "train", "test"), "label": number % 2, "generator": ""})
    examples["filename"] = [f"train/FAKE/{i:07d}.jpg" for i in number]
    examples["digest"] = [rng.bytes(32).hex() for _ in number]
    examples.to_csv(resized / "examples.csv", index=False)


def trained(data_dir: Path, count: int) -> dict[str, float]:
    """images_per_second of an epoch and peak_memory_bytes of this process."""
    processes.import_tensorflow()
    from cifake_keras.training import classifiers
    from cifake_keras.training.fitting import Session

    draws = (protocol.Draw("CIFAKE", count * 11 // 24),)
    phase = dataclasses.replace(protocol.PAPER_PHASES[0], train=protocol.Counts(draws, draws), tests=())
    data = composition.compose(phase, "available", data_dir)
    candidate = dataclasses.replace(protocol.fixed("paper", "baseline"), epochs=1)
    condition, session = protocol.CONDITIONS["baseline"], Session(f"{len(data.train):,} images", "bfloat16")
    trained = classifiers.train(data.train, data.validation, condition, "paper", {}, [candidate], 0, session)
    _, history = trained[0]
    speed = len(data.train) / history["seconds"].iloc[0]
    return {"images_per_second": speed, "peak_memory_bytes": peak_memory()}


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    """Train an epoch on each size, each in a process of its own, and write results/growth.json."""
    growth = {}
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            write_source(Path(folder), count)
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                growth[f"{count:,} images"] = process.submit(trained, Path(folder), count).result()
        say(f"{count:,} images: {growth[f'{count:,} images']}")
    small, large = growth.values()
    growth["ratio of images_per_second"] = large["images_per_second"] / small["images_per_second"]
    growth["more peak_memory_bytes"] = large["peak_memory_bytes"] - small["peak_memory_bytes"]
    files.write_json(results_dir / "growth.json", growth)


if __name__ == "__main__":
    main()
