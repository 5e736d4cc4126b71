"""Whether the published accuracies come out again: a seed of each condition, trained anew as its published cell was.

Writes results/reproduction.csv, a row a condition, test set and evaluation: the accuracy that came out, that of the
published cell of the same seed, and the published mean with the half-width of its 95% interval over seeds and images
(results/tables/table3.csv, table4.csv). A run that was stopped goes on when it is started again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import Hyperparameters
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.report import form
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.study.settings import Settings

CLASSIFIER, SEED = "paper", 0


@dataclass(frozen=True)
class Published(Settings):
    """Settings that take the hyper-parameters of published cells. published: the results they are in."""

    phase_name: str = "phase1"
    published: Path = Path("results")

    def hyperparameters(self, classifier: str, condition: str) -> Hyperparameters:
        folder = Cell(self.phase_name, condition, classifier, SEED).folder(self.published)
        return Hyperparameters(**cells.read_metrics(folder)["hyperparameters"])


def rows(wanted: list[Cell], settings: Published) -> Iterator[dict]:
    expected = intervals(settings)
    for cell in wanted:
        again, published = (cells.read_metrics(cell.folder(of)) for of in (settings.results_dir, settings.published))
        for test_set, evaluations in again["tests"].items():
            for evaluation, values in evaluations.items():
                mean, half_width = expected[cell.condition, test_set, evaluation]
                yield {
                    "phase": cell.phase,
                    "condition": cell.condition,
                    "test_set": test_set,
                    "evaluation": evaluation,
                    "precision": again["precision"],
                    "accuracy": values["accuracy"],
                    "published": published["tests"][test_set][evaluation]["accuracy"],
                    "published_mean": mean,
                    "half_width": half_width,
                    "within": abs(values["accuracy"] - mean) <= half_width,
                }


def intervals(settings: Published) -> dict[tuple, tuple[float, float]]:
    """By condition, test set and evaluation: the mean accuracy over seeds and its interval's half-width, as shares."""
    number = form.ACCURACIES[settings.phase_name]
    table = pd.read_csv(settings.published / "tables" / f"table{number}.csv")
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
        settings = Published(
            "available",
            data_dir.absolute(),
            results_dir.absolute(),
            results_dir.absolute() / "saved_models",
            swept=False,
            precision=resolve_precision("auto"),
            validation_files=composition.read_validation_files(validation_files),
            phase_name=phase_name,
            published=published.absolute(),
        )
        wanted = cells.grid([phase_name], protocol.PAPER_CONDITIONS, [CLASSIFIER], [SEED])
        grid.run(wanted, settings, processes.Local(jobs))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    table = pd.DataFrame(rows(wanted, settings))
    print(table.to_string(index=False))
    files.write_text(published / "reproduction.csv", table.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main()
