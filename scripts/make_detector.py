"""The detector that comes with the package: the best finished baseline, its LiteRT file and its model card.

python scripts/make_detector.py --results-dir paper/results
"""

from pathlib import Path

import click
import numpy as np

from cifake_keras import export, files, grid, litert, model_card, protocol
from cifake_keras.sources import scenes
from cifake_keras.tasks import read_classifier

PHASE, CONDITION = "phase1", protocol.CONDITIONS["baseline"]
TOLERANCE = 1e-3


def write(results_dir: Path, target: Path) -> None:
    cell, metrics = grid.best_cell(results_dir, PHASE, CONDITION.name)
    card, network = grid.card_of(cell, metrics), read_classifier(cell, metrics["classifier"])
    with files.replacing(target) as temporary:
        export.write(temporary, CONDITION, network, None, metrics["kernel"], card)
        export.write_litert(temporary, temporary / litert.FILE)
        model_card.write(temporary, card)
        check(network, temporary / litert.FILE)


def check(network, path: Path) -> None:
    """Ends the program where LiteRT answers otherwise than the network on images of every procedural recipe."""
    images = np.concatenate([scenes.images(recipe, 40) for recipe in scenes.RECIPES]).astype(np.float32) / 255
    logits = network.predict(images, verbose=0)[:, 0]
    difference = np.abs(litert.load(path)(images) - 1 / (1 + np.exp(-logits))).max()
    if not difference <= TOLERANCE:
        raise SystemExit(f"LiteRT's probabilities differ by up to {difference:.2g}; nothing was written.")
    click.echo(f"LiteRT's probabilities of {len(images)} images differ by at most {difference:.2g}")


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path, exists=True), default="paper/results", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=f"saved_models/{PHASE}/{CONDITION.name}")
def main(results_dir: Path, output: Path) -> None:
    """Make it of the cells in a results folder."""
    write(results_dir, output)


if __name__ == "__main__":
    main()
