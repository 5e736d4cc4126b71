"""The detector that comes with the package: the best finished baseline, its LiteRT file and its model card.

python scripts/make_detector.py --results-dir paper/results
"""

from pathlib import Path

import click

from cifake_keras import protocol
from cifake_keras.detector import formats, litert, model_card, saved_model
from cifake_keras.runtime import files
from cifake_keras.study import grid
from cifake_keras.study.tasks import read_classifier

PHASE, CONDITION = "phase1", protocol.CONDITIONS["baseline"]


def write(results_dir: Path, target: Path) -> None:
    cell, metrics = grid.best_cell(results_dir, PHASE, CONDITION.name)
    card, network = grid.card_of(cell, metrics), read_classifier(cell, metrics["classifier"])
    with files.replacing(target) as temporary:
        saved_model.write(temporary, CONDITION, network, None, metrics["kernel"], card)
        difference = formats.write(temporary, "litert", temporary / litert.FILE)
        model_card.write(temporary, card)
    click.echo(f"{target}: LiteRT's probabilities differ from the SavedModel's by at most {difference:.2g}")


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path, exists=True), default="paper/results", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=f"saved_models/{PHASE}/{CONDITION.name}")
def main(results_dir: Path, output: Path) -> None:
    """Make it of the cells in a results folder."""
    write(results_dir, output)


if __name__ == "__main__":
    main()
