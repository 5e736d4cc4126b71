"""Whether the published accuracies come out again: a seed of each condition, trained anew as its published cell was.

The published sweep's choice stands; on a GPU and on a processor the same seed gives other weights after a few steps.
Writes results/reproduction.csv, a row a condition, test set and evaluation: the accuracy that came out, that of the
published cell of the same seed, and the published mean with the half-width of its 95% interval over seeds and images
(results/tables/table3.csv, table4.csv). A run that was stopped goes on when it is started again.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.report import form
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.study.settings import Settings

CLASSIFIER, SEED = "paper", 1


def take_sweeps(wanted: list[Cell], published: Path, results_dir: Path) -> None:
    for cell in wanted:
        of, to = (cells.sweep_folder(results, cell) for results in (published, results_dir))
        if of.exists() and not to.exists():
            shutil.copytree(of, to)


def rows(wanted: list[Cell], results_dir: Path, published_dir: Path) -> Iterator[dict]:
    for cell in wanted:
        expected = intervals(cell.phase, published_dir)
        again, published = (cells.read_metrics(cell.folder(of)) for of in (results_dir, published_dir))
        for test_set, evaluations in again["tests"].items():
            for evaluation, values in evaluations.items():
                mean, half_width = expected[cell.condition, test_set, evaluation]
                yield {
                    "phase": cell.phase,
                    "condition": cell.condition,
                    "test_set": test_set,
                    "evaluation": evaluation,
                    "device": device(again),
                    "published_device": device(published),
                    "accuracy": values["accuracy"],
                    "published": published["tests"][test_set][evaluation]["accuracy"],
                    "published_mean": mean,
                    "half_width": half_width,
                    "within": abs(values["accuracy"] - mean) <= half_width,
                }


def device(metrics: dict) -> str:
    """ "CPU" or "GPU"."""
    return "GPU" if "GPU" in metrics["environment"]["device"] else "CPU"


def intervals(phase: str, published: Path) -> dict[tuple, tuple[float, float]]:
    """By condition, test set and evaluation: the mean accuracy over seeds and its interval's half-width, as shares."""
    table = pd.read_csv(published / "tables" / f"table{form.ACCURACIES[phase]}.csv")
    table = table[table["classifier"] == CLASSIFIER].set_index(["condition", "test_set", "evaluation"])
    return {key: (row["accuracy"] / 100, row["half_width"] / 100) for key, row in table.iterrows()}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--phase", "phase_name", type=click.Choice(["phase1", "phase2"]), default="phase1", show_default=True)
@click.option("--published", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="paper/reproduction", show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=processes.cores, show_default="one a core")
def main(data_dir, validation_files, phase_name, published, results_dir, jobs):
    """Train what is not done yet, and write results/reproduction.csv."""
    processes.import_tensorflow()
    from cifake_keras.study import grid
    from cifake_keras.training.precision import resolve_precision

    try:
        settings = Settings(
            "available",
            data_dir.absolute(),
            results_dir.absolute(),
            results_dir.absolute() / "saved_models",
            precision=resolve_precision("auto"),
            validation_files=composition.read_validation_files(validation_files),
        )
        wanted = cells.grid([phase_name], protocol.PAPER_CONDITIONS, [CLASSIFIER], [SEED])
        take_sweeps(wanted, published, settings.results_dir)
        grid.run(wanted, settings, processes.Local(jobs))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    table = pd.DataFrame(rows(wanted, settings.results_dir, published))
    print(table.to_string(index=False))
    files.write_text(published / "reproduction.csv", table.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main()
