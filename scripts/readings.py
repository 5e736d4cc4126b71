"""What the other readings of the paper's text give, where it is ambiguous, beside the chosen ones.

Runs those conditions of Phase 1 that a reading touches, as `cifake-keras run-grid --no-sweep --reading NAME` does. Each
reading has a folder of its own below results/readings, where a finished cell is not trained again. Writes
results/readings.csv, a row a reading, condition, seed, test set and evaluation, and results/readings.md.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pandas as pd

from cifake_keras import protocol
from cifake_keras.evaluation import statistics
from cifake_keras.protocol import CLEAN, MATCHED, Reading
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.study.settings import Settings

PHASE = protocol.phases("available")["phase1"]
MEASURES = ["accuracy", "balanced_accuracy", "tpr", "tnr"]
CHOSEN, *_OTHERS = protocol.READINGS.values()
OTHERS = [reading.name for reading in _OTHERS]


def touches(reading: Reading, condition: str) -> bool:
    return reading.read(protocol.CONDITIONS[condition]) != protocol.CONDITIONS[condition]


# The conditions that any reading touches, which the chosen one is run on.
CONDITIONS = [
    condition
    for condition in protocol.PAPER_CONDITIONS
    if any(touches(reading, condition) for reading in protocol.READINGS.values())
]


def folder(reading: Reading, results_dir: Path) -> Path:
    return results_dir / "readings" / reading.name


def cells_of(condition: str, seeds: int) -> list[Cell]:
    return cells.grid([PHASE.name], [condition], ["paper"], protocol.evaluation_seeds(seeds))


def finished(reading: Reading, condition: str, results_dir: Path, seeds: int) -> bool:
    """Whether all seeds of a condition are there; those that the reading does not touch never are."""
    folders = [cell.folder(folder(reading, results_dir)) for cell in cells_of(condition, seeds)]
    return all(cells.state(path) == cells.DONE for path in folders)


def train(reading: Reading, settings: Settings, conditions: tuple[str, ...], seeds: int) -> None:
    from cifake_keras.study import grid

    say(f"Reading: {reading.title}")
    touched = [condition for condition in conditions if reading is CHOSEN or touches(reading, condition)]
    wanted = [cell for condition in touched for cell in cells_of(condition, seeds)]
    results_dir = folder(reading, settings.results_dir)
    places = {"results_dir": results_dir, "saved_models_dir": results_dir / "saved_models"}
    grid.run(wanted, replace(settings, reading=reading.name, **places), processes.Local(1))


def scores(reading: Reading, condition: str, results_dir: Path, seeds: int) -> Iterator[dict]:
    """The rows of readings.csv."""
    if finished(reading, condition, results_dir, seeds):
        for cell in cells_of(condition, seeds):
            metrics = files.read_json(cell.folder(folder(reading, results_dir)) / cells.METRICS)
            for test_set, evaluations in metrics["tests"].items():
                for evaluation, values in evaluations.items():
                    yield {
                        "reading": reading.title,
                        "condition": condition,
                        "seed": cell.seed,
                        "test_set": test_set,
                        "evaluation": evaluation,
                        **{measure: values[measure] for measure in MEASURES},
                        "validation_accuracy": metrics["validation_accuracy"],
                    }


def judged(reading: Reading, condition: str, results_dir: Path, seeds: int) -> dict[tuple[str, str], pd.DataFrame]:
    """By test set and evaluation: whether each seed, a column, was right about each image, a row named by its label."""
    columns = {}
    for cell in cells_of(condition, seeds):
        predictions = pd.read_csv(cell.folder(folder(reading, results_dir)) / cells.PREDICTIONS)
        said_fake = predictions["probability_fake"] >= protocol.THRESHOLD
        columns[cell.seed] = said_fake == (predictions["label"] == protocol.CLASSES[protocol.FAKE])
    right = pd.DataFrame(columns).set_index(predictions["label"])
    return dict(iter(right.groupby([predictions["test_set"].to_numpy(), predictions["evaluation"].to_numpy()])))


def compared(condition: str, results_dir: Path, seeds: int) -> Iterator[dict]:
    """A condition's rows of readings.md."""
    readings = [reading for reading in protocol.READINGS.values() if finished(reading, condition, results_dir, seeds)]
    right = {reading.name: judged(reading, condition, results_dir, seeds) for reading in readings}
    for evaluation in evaluations(condition):
        for reading in readings:
            row = {
                "Condition": protocol.CONDITIONS[condition].title,
                "Evaluation": evaluation,
                "Reading": reading.title,
            }
            for test in PHASE.tests:
                if (test.name, evaluation) in right[CHOSEN.name]:
                    ours, chosen = (right[name][test.name, evaluation] for name in (reading.name, CHOSEN.name))
                    row[test.title] = accuracy(ours) + ("" if reading is CHOSEN else f" ({difference(ours, chosen)})")
            yield row


def evaluations(condition: str) -> tuple[str, ...]:
    """Those that differ."""
    path = protocol.CONDITIONS[condition].path
    return (MATCHED,) if path(MATCHED) == path(CLEAN) else protocol.EVALUATIONS


def accuracy(right: pd.DataFrame) -> str:
    return f"{100 * right.to_numpy().mean():.1f}"


def difference(right: pd.DataFrame, chosen: pd.DataFrame) -> str:
    """In points, with the half-width of its 95% interval."""
    estimate = statistics.difference(right.to_numpy().T, chosen.to_numpy().T, chosen.index.to_numpy())
    return f"{100 * estimate.value:+.1f} ± {100 * estimate.half_width:.1f}"


def markdown(results_dir: Path, conditions: tuple[str, ...], seeds: int) -> str:
    rows = [row for condition in conditions for row in compared(condition, results_dir, seeds)]
    lines = [
        "# Other readings of the paper",
        "Written by `python scripts/readings.py`: Phase 1, the paper's CNN, fixed hyper-parameters as `--no-sweep` has "
        "them. Accuracy in percent; in brackets the difference from the chosen reading in points, with its 95% "
        "interval, on the same test images.",
        f"Seeds: {seeds}, each with an autoencoder of its own. Where there is but one, an interval knows nothing of "
        "what another would change.",
        pd.DataFrame(rows).to_markdown(index=False),
        "Chosen are one decision for crop, blur and brightness together, a ReLU after the autoencoder's dense layer of "
        "2,048 and an autoencoder for each seed. `readings.csv` has balanced accuracy, TPR and TNR too.",
    ]
    return "\n\n".join(lines) + "\n"


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Seeds 1 to N.")
@click.option(
    "--reading",
    "names",
    multiple=True,
    type=click.Choice(OTHERS),
    default=OTHERS,
    help="Run beside the chosen one; may be repeated, else all.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    type=click.Choice(CONDITIONS),
    default=CONDITIONS,
    help="May be repeated, else all. Those with the autoencoder take most of the time.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the classifiers; else the protocol's.")
def main(data_dir, validation_files, results_dir, seeds, names, conditions, epochs):
    """Train what is not done yet of the readings, and compare them."""
    processes.import_tensorflow()
    from cifake_keras.training.precision import resolve_precision

    try:
        settings = Settings(
            "available",
            data_dir,
            results_dir,
            swept=False,
            epochs=epochs,
            precision=resolve_precision("auto"),
            validation_files=composition.read_validation_files(validation_files),
        )
        for name in (CHOSEN.name, *names):
            train(protocol.READINGS[name], settings, conditions, seeds)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    pairs = itertools.product(protocol.READINGS.values(), conditions)
    rows = [row for reading, condition in pairs for row in scores(reading, condition, results_dir, seeds)]
    files.write_text(results_dir / "readings.csv", pd.DataFrame(rows).to_csv(index=False, float_format="%.6f"))
    files.write_text(results_dir / "readings.md", markdown(results_dir, conditions, seeds))


if __name__ == "__main__":
    main()
