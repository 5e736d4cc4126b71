"""By validation accuracy, of how many training images reconstructions should take the place.

Trains every condition with a mixture on CIFAKE alone (phase diverse0, recipe equal) with the sweeps' seed and each of
SHARES, below results/shares, where a finished cell is not trained again. Writes results/shares.csv, a row a condition
and share. The study keeps the half that the literature has; no test image is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import Condition
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.study.settings import Settings

SHARES = (0.25, 0.5, 0.75)
MIXED = [name for name, condition in protocol.CONDITIONS.items() if condition.mixture]
WANTED = [Cell(protocol.SYSTEMS_PHASE, name, "paper", protocol.SWEEP_SEED) for name in MIXED]


@dataclass(frozen=True)
class Shared(Settings):
    """share: of the images that give way, in every condition with a mixture."""

    share: float = SHARES[0]

    def condition(self, name: str) -> Condition:
        condition = super().condition(name)
        return replace(condition, mixture=condition.mixture and replace(condition.mixture, share=self.share))


def train(settings: Settings, share: float, jobs: int) -> Path:
    """The folder of its cells. All shares have the autoencoders of the first."""
    from cifake_keras.study import grid

    results_dir, first = (settings.results_dir / f"shares/{100 * of:.0f}" for of in (share, SHARES[0]))
    places = {"results_dir": results_dir, "saved_models_dir": results_dir / "saved_models"}
    shared = Shared(**vars(replace(settings, **places)), share=share)
    for step in {step for cell in WANTED for step in shared.condition(cell.condition).needed if step.training}:
        link, target = (
            cells.step_folder(of, protocol.SYSTEMS_PHASE, step.name, protocol.SWEEP_SEED) for of in (results_dir, first)
        )
        if link != target and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target.absolute())
    grid.run(WANTED, shared, processes.Local(jobs))
    return results_dir


def rows(share: float, folder: Path) -> Iterator[dict]:
    for cell in WANTED:
        accuracy = cells.read_metrics(cell.folder(folder))["validation_accuracy"]
        yield {"condition": cell.condition, "share": share, "validation_accuracy": accuracy}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=processes.cores, show_default="one a core")
def main(data_dir: Path, validation_files: Path | None, results_dir: Path, jobs: int) -> None:
    processes.import_tensorflow()
    from cifake_keras.training.precision import resolve_precision

    try:
        settings = Settings(
            "available",
            data_dir,
            results_dir,
            recipe="equal",
            swept=False,
            precision=resolve_precision("auto"),
            validation_files=composition.read_validation_files(validation_files),
        )
        table = pd.DataFrame([row for share in SHARES for row in rows(share, train(settings, share, jobs))])
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(table.to_string(index=False))
    files.write_text(results_dir / "shares.csv", table.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main()
