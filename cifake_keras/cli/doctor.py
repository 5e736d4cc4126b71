"""`cifake-keras doctor`: what is there of what the study needs, and what to do about what is not."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cifake_keras import protocol
from cifake_keras.cli import options
from cifake_keras.runtime.checks import ABSENT, BROKEN, READY, Check
from cifake_keras.runtime.errors import STUDY, UserError, of_the_study
from cifake_keras.runtime.text import printable

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {READY: "green", ABSENT: "dim", BROKEN: "bold red"}


@click.command(epilog=options.examples("doctor", "doctor --data-dir paper/data --json"))
@options.data_dir
@options.saved_models_dir
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def doctor(data_dir: Path, saved_models_dir: Path, as_json: bool) -> None:
    """Tell what is there of machine, packages, data and models, and what to do about what is not.

    Exit status 1 where something is broken: a package that is required and missing or of another version, a TensorFlow
    that cannot be imported, data or a model that is damaged. What is merely absent is no fault.
    """
    listed = _checks(data_dir, saved_models_dir)
    broken = any(check.state == BROKEN for check in listed)
    if as_json:
        click.echo(json.dumps({"broken": broken, "checks": list(map(asdict, listed))}, indent=2))
    else:
        _show(listed)
    if broken:
        raise SystemExit(1)


def _checks(data_dir: Path, saved_models_dir: Path) -> list[Check]:
    from cifake_keras.runtime import gpus, hardware, installation

    asked = gpus.ask()  # first, as it takes longest
    return [
        *hardware.checks(data_dir),
        *installation.checks(),
        *_part("data", lambda: _data(data_dir)),
        *_part("weights", lambda: _weights(data_dir)),
        *_part("models", lambda: _models(saved_models_dir)),
        *gpus.checks(asked),
    ]


def _part(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """Its checks, or one that says why they could not be made: what is damaged, or the package that is missing."""
    try:
        return list(look())
    except (UserError, ImportError) as error:
        state, remedy = (ABSENT, STUDY) if of_the_study(error, name) else (BROKEN, "")
        return [Check(name, "all", state, str(error), remedy)]


def _data(data_dir: Path) -> Iterator[Check]:
    from cifake_keras.sources import inventory

    for entry in inventory.entries(data_dir):
        remedy = "" if entry.state == READY else entry.command
        yield Check("data", entry.title, entry.state, f"{entry.count} images", remedy)


def _weights(data_dir: Path) -> Iterator[Check]:
    from cifake_keras.conditions import weights

    for of in protocol.WEIGHTS.values():
        if not weights.there(of, data_dir):
            yield Check("weights", of.name, ABSENT, "not prepared", of.command)
            continue
        try:
            yield Check("weights", of.name, READY, str(weights.prepared(of, data_dir)))
        except UserError as error:
            yield Check("weights", of.name, BROKEN, str(error), of.command)


def _models(saved_models_dir: Path) -> Iterator[Check]:
    from cifake_keras.detector import PRETRAINED, PRETRAINED_NATIVE

    for name, folder in (("the package's own, 32 px", PRETRAINED), ("the package's own, native", PRETRAINED_NATIVE)):
        yield _model(name, folder, "pip install --force-reinstall cifake-keras")
    folders = sorted(path.parent for path in saved_models_dir.glob("*/*/saved_model.pb"))
    for folder in folders:
        phase, condition = folder.parts[-2:]
        anew = f"cifake-keras run-grid --phase {phase} --condition {condition}"
        yield _model(f"{phase}/{condition}", folder, anew)
    if not folders:
        yield Check("models", str(saved_models_dir), ABSENT, "holds none", "cifake-keras run-grid")


def _model(name: str, folder: Path, remedy: str) -> Check:
    """A SavedModel, whose files are compared with its model card."""
    from cifake_keras.detector import model_card

    try:
        model_card.check(folder)
        written = model_card.read(folder)
    except UserError as error:
        return Check("models", name, BROKEN, str(error), remedy)
    if not written:
        return Check("models", name, BROKEN, f"{folder} has no model card", remedy)
    return Check("models", name, READY, str(folder))


def _show(listed: list[Check]) -> None:
    """A table on a terminal, a line each elsewhere."""
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(_table(listed))
        return
    for check in listed:
        remedy = f"; {check.remedy}" if check.remedy else ""
        click.echo(printable(f"{check.state:<11}{check.part}: {check.name}: {check.details}{remedy}"))


def _table(listed: list[Check]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table, before = Table("", "", "", "", "what to do", box=None, pad_edge=False), ""
    for check in listed:
        part = check.part if check.part != before else ""
        cells = (part, check.name, check.state, check.details, check.remedy)
        table.add_row(*(Text(printable(cell), _COLOURS.get(check.state, "yellow")) for cell in cells))
        before = check.part
    return table
