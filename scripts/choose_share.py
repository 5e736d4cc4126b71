"""By validation accuracy, of how many training images reconstructions should take the place.

Trains every condition with a mixture on CIFAKE alone (phase diverse0, recipe equal) with each of SHARES and each seed
of the study, below results/shares, where a finished cell is not trained again. The autoencoders, and the cells of one
half, are the study's own, by `make systems`. Writes results/shares.csv, a row a condition, share and seed. The study
keeps the half that the literature has; no test image is looked at.
"""

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

SHARES = (0.25, 0.75)
MIXED = {name: of.mixture for name, of in protocol.CONDITIONS.items() if of.mixture}
WANTED = [Cell(protocol.SYSTEMS_PHASE, name, "paper", seed) for name in MIXED for seed in range(1, 6)]


@dataclass(frozen=True)
class Shared(Settings):
    """share: of the images that give way, in every condition with a mixture."""

    share: float = SHARES[0]

    def condition(self, name: str) -> Condition:
        condition = super().condition(name)
        return replace(condition, mixture=condition.mixture and replace(condition.mixture, share=self.share))


def train(settings: Settings, share: float, jobs: int) -> Path:
    """The folder of its cells."""
    from cifake_keras.study import grid

    folder = settings.results_dir / f"shares/{100 * share:.0f}"
    for cell in WANTED:
        _link_autoencoders(cell, settings, folder)
    there = replace(settings, results_dir=folder, saved_models_dir=folder / "saved_models")
    grid.run(WANTED, Shared(**vars(there), share=share), processes.Local(jobs))
    return folder


def _link_autoencoders(cell: Cell, settings: Settings, folder: Path) -> None:
    """Raises UserError where the study has not trained them."""
    for step in (step for step in settings.condition(cell.condition).needed if step.training):
        folders = (folder, settings.results_dir)
        link, trained = (cells.step_folder(of, cell.phase, step.name, cell.seed) for of in folders)
        if not (trained / cells.WEIGHTS).exists():
            raise UserError(f"There is no network in {trained}; `make systems` trains it.")
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(trained.absolute())


def table(settings: Settings, jobs: int) -> pd.DataFrame:
    """Sorted; the study's own cells are among them, each with the share of its condition."""
    rows = [_row(cell, MIXED[cell.condition].share, settings.results_dir) for cell in WANTED]
    for share in SHARES:
        folder = train(settings, share, jobs)
        rows += [_row(cell, share, folder) for cell in WANTED]
    return pd.DataFrame(rows).sort_values(["condition", "share", "seed"])


def _row(cell: Cell, share: float, results_dir: Path) -> dict:
    accuracy = cells.read_metrics(cell.folder(results_dir))["validation_accuracy"]
    return {"condition": cell.condition, "share": share, "seed": cell.seed, "validation_accuracy": accuracy}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="paper/results", show_default=True)
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
        shares = table(settings, jobs)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(shares.pivot_table("validation_accuracy", "condition", "share").to_string())
    files.write_text(results_dir / "shares.csv", shares.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main()
