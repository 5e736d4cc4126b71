"""How a detector comes with the repository: a folder of its SavedModel, its LiteRT file and its model card."""

from collections.abc import Callable
from pathlib import Path

import click

from cifake_keras.detector import formats, litert, model_card
from cifake_keras.runtime import files


def write(target: Path, card: dict, saved: Callable[[Path], None]) -> None:
    """All of it, or nothing where LiteRT's probabilities are others. saved: writes the SavedModel into a folder."""
    with files.replacing(target) as temporary:
        saved(temporary)
        difference = formats.write(temporary, "litert", temporary / litert.FILE)
        (temporary / "assets").rmdir()  # git keeps no empty folder
        model_card.write(temporary, card)
    click.echo(f"{target}: LiteRT's probabilities differ from the SavedModel's by at most {difference:.2g}")
