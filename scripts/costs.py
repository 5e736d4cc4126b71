"""What it costs to train the systems of results/tables/systems.csv, and to ask them: results/costs.csv.

Training: mean seconds of a cell, as recorded where it was trained; networks that it takes from other cells, as the
autoencoder, and features that heads share are not in it. Asking: milliseconds an image, in batches, all cores of this
machine; with random weights, which take as long.

python scripts/costs.py
"""

import statistics
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.models.layers import IMAGE_SHAPE
from cifake_keras.protocol import CONDITIONS, seen_by
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track

BATCH, ROUNDS = 64, 5


def trained(results_dir: Path, system: pd.Series) -> float:
    """Mean seconds of its cells."""
    folders = cells.finished(results_dir, system["phase"], system["condition"])
    recorded = [of for of in map(cells.read_metrics, folders) if of["classifier"] == system["classifier"]]
    return statistics.mean(of["seconds"] for of in recorded)


def asked(system: pd.Series) -> tuple[int, float]:
    """The parameters of all its networks, and milliseconds an image."""
    condition = seen_by(system["classifier"], CONDITIONS[system["condition"]])
    networks = {step.name: path.build(step) for step in condition.steps if step.network}
    classifier = models.build(system["classifier"])
    detector = path.detector(condition, classifier, networks)
    images = np.random.default_rng(0).random((BATCH, *IMAGE_SHAPE), np.float32)
    rounds = []
    for _ in range(1 + ROUNDS):  # the first compiles
        started = time.monotonic()
        detector.predict(images, batch_size=BATCH, verbose=0)
        rounds.append(1000 * (time.monotonic() - started) / BATCH)
    parameters = sum(network.count_params() for network in (classifier, *networks.values()))
    return parameters, statistics.median(rounds[1:])


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    """Measure every system that has a row."""
    systems = pd.read_csv(results_dir / "tables" / "systems.csv")[["phase", "classifier", "condition"]]
    rows = []
    for _, system in track(systems.iterrows(), "Systems", len(systems)):
        parameters, milliseconds = asked(system)
        seconds = round(trained(results_dir, system))
        rows.append({"parameters": parameters, "training_seconds": seconds, "milliseconds": round(milliseconds, 2)})
    table = systems.join(pd.DataFrame(rows, systems.index))
    print(table.to_string(index=False))
    files.write_text(results_dir / "costs.csv", table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
