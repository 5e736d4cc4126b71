"""saved_models/phase1/baseline: the best finished baseline, its LiteRT file and its model card.

python scripts/make_baseline.py --results-dir paper/results
python scripts/make_baseline.py --anew    # the same weights and LiteRT file, in a SavedModel of this version
"""

import shutil
from pathlib import Path

import bundle
import click

from cifake_keras import protocol
from cifake_keras.detector import litert, model_card, saved_model
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.study import publishing
from cifake_keras.study.tasks import read_classifier

PHASE, CONDITION = "phase1", protocol.CONDITIONS["baseline"]
BASELINE = Path(__file__).parents[1] / "saved_models/phase1/baseline"


def write_anew(folder: Path, target: Path) -> None:
    """Writes the SavedModel in `folder` again. The LiteRT file stays, and so does every answer of `predict`."""
    card = {**model_card.read(folder), "limits": publishing.LIMITS}
    condition, classifier, networks = saved_model.read(folder, card)
    with files.replacing(target) as temporary:
        saved_model.write(temporary, condition, classifier, networks, card["kernel"], card)
        shutil.copy(folder / litert.FILE, temporary)
        (temporary / "assets").rmdir()  # git keeps no empty folder
        model_card.write(temporary, card)


def write_best(results_dir: Path, target: Path) -> None:
    """Writes that of the best cell. Raises UserError where none is finished."""
    best = publishing.best_cell(results_dir, PHASE, CONDITION.name)
    if not best:
        raise UserError(f"{results_dir} has no finished cell of {PHASE} {CONDITION.name}.")
    folder, recorded = best
    card, network = publishing.card_of(*best), read_classifier(folder, recorded["classifier"])
    bundle.write(target, card, lambda into: saved_model.write(into, CONDITION, network, {}, recorded["kernel"], card))


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="paper/results", show_default=True)
@click.option("--anew", is_flag=True, help="Write the one that is there again, by this version.")
@click.option("--output", type=click.Path(path_type=Path), default=BASELINE)
def main(results_dir: Path, anew: bool, output: Path) -> None:
    """Make it of the cells in a results folder, or anew."""
    if anew:
        write_anew(BASELINE, output)
        return
    try:
        write_best(results_dir, output)
    except UserError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
