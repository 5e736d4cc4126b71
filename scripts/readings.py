"""What the other readings of the paper's text give, where it is ambiguous, beside the chosen ones.

Trains those conditions of Phase 1 that a reading touches as `cifake-keras run-grid --no-sweep` does, so that only the
reading differs. Each has a folder of its own below results/readings, where a finished cell is not trained again.
Writes results/readings.csv, a row a reading, condition, seed, test set and evaluation, and results/readings.md.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import click
import pandas as pd
import tensorflow as tf

from cifake_keras import models, protocol
from cifake_keras.conditions import perturbation
from cifake_keras.evaluation import statistics
from cifake_keras.protocol import IMAGE_SIZE, PERTURBATION
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import executors, files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.study import grid
from cifake_keras.study.settings import Settings
from cifake_keras.training import fitting

PHASE = protocol.phases("available")["phase1"]
MEASURES = ["accuracy", "balanced_accuracy", "tpr", "tnr"]
AUTOENCODED = ("autoencoded", "perturbed_autoencoded")
LATENT = 2048  # units


@dataclass(frozen=True)
class Reading:
    """conditions: those that it touches. replacements: functions of the package by name, and what they are for it."""

    name: str
    title: str
    conditions: tuple[str, ...]
    replacements: dict[str, Callable] = field(default_factory=dict)

    def results_dir(self, results_dir: Path) -> Path:
        return results_dir / "readings" / self.name

    def finished(self, condition: str, results_dir: Path, seeds: int) -> bool:
        """Whether all seeds of a condition are there; False where the reading does not touch it."""
        folders = [cell.folder(self.results_dir(results_dir)) for cell in self.cells(condition, seeds)]
        return condition in self.conditions and all(cells.state(folder) == cells.DONE for folder in folders)

    def cells(self, condition: str, seeds: int) -> list[Cell]:
        return cells.grid([PHASE.name], [condition], ["paper"], range(seeds))


def decisions(draws: tf.Tensor) -> Iterator[tf.Tensor]:
    """Whether to crop, to blur and to change brightness: bool [batch] each, independent, of the protocol's probability.

    They are made of the one number with which the package decides for all three: what a decision leaves of it is
    uniform again. So the crop, and how far each operation goes, stay what they are under the chosen reading.
    """
    left, probability = draws[:, 0], PERTURBATION.probability
    for _ in range(3):
        chosen = left < probability
        yield chosen
        left = tf.where(chosen, left / probability, (left - probability) / (1 - probability))


def perturb_each(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """perturbations.perturb, but each operation decides for itself."""
    crop, blur, brighten = decisions(draws)
    top, left, height, width = perturbation.crop_boxes(draws)
    kernel = tf.where(blur[:, None, None], perturbation._BLUR, perturbation._IDENTITY)

    def side(start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        start, length = tf.where(crop, start, 0.0), tf.where(crop, length, float(IMAGE_SIZE))
        return kernel @ perturbation._resampling(start, length)

    factor = tf.where(brighten, 1 + PERTURBATION.brightness * (2 * draws[:, 4] - 1), 1.0)
    perturbed = tf.einsum("byi,bijc->byjc", side(top, height), images)
    perturbed = tf.einsum("bxj,byjc->byxc", side(left, width) * factor[:, None, None], perturbed)
    return tf.clip_by_value(perturbed, 0.0, 1.0)


_dense, _train_autoencoder = models._Layers.dense, fitting.train_autoencoder


def dense_but_linear_latent(make, inputs: int, units: int, activation: str | None = "relu", last: bool = False):
    return _dense(make, inputs, units, None if units == LATENT else activation, last)


def train_autoencoder_of_seed_1(train, validation, hyperparameters, seed, session):
    return _train_autoencoder(train, validation, hyperparameters, 1, session)


CHOSEN = Reading("chosen", "chosen", ("perturbed", *AUTOENCODED))
READINGS = (
    CHOSEN,
    Reading(
        "each_operation",
        "each operation decides for itself",
        ("perturbed", *AUTOENCODED),  # the autoencoder learns from perturbed images in both
        {"conditions.perturb": perturb_each, "evaluation.perturb": perturb_each},
    ),
    Reading("linear_latent", "no ReLU in the latent", AUTOENCODED, {"models._Layers.dense": dense_but_linear_latent}),
    Reading(
        "autoencoder_seed_1",
        "autoencoder seed 1",
        AUTOENCODED,
        {"training.train_autoencoder": train_autoencoder_of_seed_1},
    ),
)


@contextlib.contextmanager
def read_as(reading: Reading) -> Iterator[None]:
    """Within it the package does what the reading says."""
    with contextlib.ExitStack() as stack:
        for name, function in reading.replacements.items():
            stack.enter_context(mock.patch(f"cifake_keras.{name}", function))
        yield


def train(reading: Reading, settings: Settings, conditions: tuple[str, ...], seeds: int) -> None:
    say(f"Reading: {reading.title}")
    touched = [condition for condition in reading.conditions if condition in conditions]
    wanted = [cell for condition in touched for cell in reading.cells(condition, seeds)]
    with read_as(reading):
        tasks = grid.tasks(wanted, replace(settings, results_dir=reading.results_dir(settings.results_dir)))
        if unfinished := executors.settle(processes.Local(1), tasks, "cifake_keras.study.grid:tasks"):
            raise unfinished


def scores(reading: Reading, condition: str, results_dir: Path, seeds: int) -> Iterator[dict]:
    """The rows of readings.csv."""
    if reading.finished(condition, results_dir, seeds):
        for cell in reading.cells(condition, seeds):
            metrics = files.read_json(cell.folder(reading.results_dir(results_dir)) / cells.METRICS)
            for test_set, evaluations in metrics["tests"].items():
                for evaluation, found in evaluations.items():
                    yield {
                        "reading": reading.title,
                        "condition": condition,
                        "seed": cell.seed,
                        "test_set": test_set,
                        "evaluation": evaluation,
                        **{measure: found[measure] for measure in MEASURES},
                        "validation_accuracy": metrics["validation_accuracy"],
                    }


def judged(reading: Reading, condition: str, results_dir: Path, seeds: int) -> dict[tuple[str, str], pd.DataFrame]:
    """By test set and evaluation: whether each seed, a column, was right about each image, a row named by its label."""
    columns = {}
    for cell in reading.cells(condition, seeds):
        found = pd.read_csv(cell.folder(reading.results_dir(results_dir)) / cells.PREDICTIONS)
        said_fake = found["probability_fake"] >= protocol.THRESHOLD
        columns[cell.seed] = said_fake == (found["label"] == protocol.CLASSES[protocol.FAKE])
    right = pd.DataFrame(columns).set_index(found["label"])
    return dict(iter(right.groupby([found["test_set"].to_numpy(), found["evaluation"].to_numpy()])))


def compared(condition: str, results_dir: Path, seeds: int) -> Iterator[dict]:
    """A condition's rows of readings.md."""
    readings = [reading for reading in READINGS if reading.finished(condition, results_dir, seeds)]
    right = {reading.name: judged(reading, condition, results_dir, seeds) for reading in readings}
    path = protocol.CONDITIONS[condition]
    for evaluation in protocol.EVALUATIONS if path.perturbed else ("matched",):
        for reading in readings:
            row = {"Condition": path.title, "Evaluation": evaluation, "Reading": reading.title}
            for test in PHASE.tests:
                if (test.name, evaluation) in right[CHOSEN.name]:
                    ours, chosen = (right[name][test.name, evaluation] for name in (reading.name, CHOSEN.name))
                    row[test.title] = accuracy(ours) + ("" if reading is CHOSEN else f" ({difference(ours, chosen)})")
            yield row


def accuracy(right: pd.DataFrame) -> str:
    return f"{100 * right.to_numpy().mean():.1f}"


def difference(right: pd.DataFrame, chosen: pd.DataFrame) -> str:
    """In points, with the half-width of its 95% interval."""
    found = statistics.difference(right.to_numpy().T, chosen.to_numpy().T, chosen.index.to_numpy())
    return f"{100 * found.value:+.1f} ± {100 * found.half_width:.1f}"


def markdown(results_dir: Path, conditions: tuple[str, ...], seeds: int) -> str:
    rows = [row for condition in conditions for row in compared(condition, results_dir, seeds)]
    lines = [
        "# Other readings of the paper",
        "Written by `python scripts/readings.py`: Phase 1, the paper's CNN, fixed hyper-parameters as `--no-sweep` has "
        "them. Accuracy in percent; in brackets the difference from the chosen reading in points, with its 95% "
        "interval, on the same test images.",
        f"Seeds of the classifier: {seeds}. Autoencoders: one a reading. Where there is but one, an interval knows "
        "nothing of what another would change.",
        pd.DataFrame(rows).to_markdown(index=False),
        "Chosen are one decision for crop, blur and brightness together, a ReLU after the autoencoder's dense layer of "
        f"{LATENT:,} and seed 0 of the autoencoder. `readings.csv` has balanced accuracy, TPR and TNR too.",
    ]
    return "\n\n".join(lines) + "\n"


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Seeds 0 to N-1.")
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    type=click.Choice(CHOSEN.conditions),
    default=CHOSEN.conditions,
    help="Those with the autoencoder take most of the time.",
)
@click.option("--epochs", type=click.IntRange(1), help="Of the classifiers, in place of the protocol's.")
def main(data_dir, validation_files, results_dir, seeds, conditions, epochs):
    """Train what is not done yet of every reading, and compare them."""
    processes.import_tensorflow()
    try:
        settings = Settings(
            "available",
            data_dir,
            results_dir,
            swept=False,
            epochs=epochs,
            precision=fitting.resolve_precision("auto"),
            validation_files=composition.read_validation_files(validation_files),
        )
        for reading in READINGS:
            train(reading, settings, conditions, seeds)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    pairs = itertools.product(READINGS, conditions)
    rows = [row for reading, condition in pairs for row in scores(reading, condition, results_dir, seeds)]
    files.write_text(results_dir / "readings.csv", pd.DataFrame(rows).to_csv(index=False, float_format="%.6f"))
    files.write_text(results_dir / "readings.md", markdown(results_dir, conditions, seeds))


if __name__ == "__main__":
    main()
