"""What it costs to train the systems of results/tables/systems.csv, and to ask them: results/tables/costs.csv.

Training: the median cell, and the networks that it trains, in seconds as recorded where they were trained; and what
networks that are not trained make of the training images, once for all cells, by this machine's speed. Asking:
milliseconds an image, in batches, all cores of this machine; with random weights, which take as long.

python scripts/costs.py
"""

import statistics
import time
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
import pandas as pd

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.models.layers import IMAGE_SHAPE
from cifake_keras.protocol import CONDITIONS, Condition, seen_by
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track

BATCH, ROUNDS = 64, 5


def asked(condition: Condition, classifier: keras.Model) -> tuple[int, float]:
    """The parameters of all its networks, and milliseconds an image."""
    networks = {step.name: path.build(step) for step in condition.steps if step.network}
    detector = path.detector(condition, classifier, networks)
    images = np.random.default_rng(0).random((BATCH, *IMAGE_SHAPE), np.float32)
    rounds = []
    for _ in range(1 + ROUNDS):  # the first compiles
        started = time.monotonic()
        detector.predict(images, batch_size=BATCH, verbose=0)
        rounds.append(1000 * (time.monotonic() - started) / BATCH)
    parameters = sum(network.count_params() for network in (classifier, *networks.values()))
    return parameters, min(rounds[1:])


def trained(results_dir: Path, system: pd.Series, condition: Condition) -> tuple[int, float]:
    """How many training images a cell has, and seconds of the median cell with the networks that it trains."""
    seconds = []
    for folder in cells.finished(results_dir, system["phase"], system["condition"], system["classifier"]):
        cell = cells.read_metrics(folder)
        steps = [step.name for step in condition.needed if step.training]
        networks = [cells.step_folder(results_dir, system["phase"], step, cell["seed"]) for step in steps]
        seconds.append(cell["seconds"] + sum(cells.read_metrics(of)["seconds"] for of in networks))
    return cell["n_train"], statistics.median(seconds)


def costs(results_dir: Path, system: pd.Series) -> dict:
    """What the columns of a row have."""
    condition, classifier = CONDITIONS[system["condition"]], models.build(system["classifier"])
    seen = seen_by(system["classifier"], condition)
    parameters, milliseconds = asked(seen, classifier)
    images, seconds = trained(results_dir, system, condition)
    frozen = tuple(step for step in seen.needed if not step.training)
    if any(step.network for step in frozen):
        _, of_image = asked(replace(seen, steps=frozen), classifier)
        seconds += images * of_image / 1000
    return {"parameters": parameters, "training_seconds": round(seconds), "milliseconds": round(milliseconds, 2)}


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    """Measure every system that has a row."""
    systems = pd.read_csv(results_dir / "tables" / "systems.csv")[["phase", "classifier", "condition"]]
    rows = [costs(results_dir, system) for _, system in track(systems.iterrows(), "Systems", len(systems))]
    table = systems.join(pd.DataFrame(rows, systems.index))
    print(table.to_string(index=False))
    files.write_text(results_dir / "tables" / "costs.csv", table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    main()
