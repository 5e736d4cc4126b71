"""The detector that comes with the package: the best finished baseline, its LiteRT file and its model card.

python scripts/make_detector.py --results-dir paper/results
"""

from pathlib import Path

import click

from cifake_keras import protocol
from cifake_keras.detector import PRETRAINED
from cifake_keras.study import publishing

PHASE, CONDITION = "phase1", protocol.CONDITIONS["baseline"]


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path, exists=True), default="paper/results", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=PRETRAINED)
def main(results_dir: Path, output: Path) -> None:
    """Make it of the cells in a results folder."""
    difference = publishing.write_detector(results_dir, PHASE, CONDITION, output)
    click.echo(f"{output}: LiteRT's probabilities differ from the SavedModel's by at most {difference:.2g}")


if __name__ == "__main__":
    main()
