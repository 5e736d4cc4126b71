"""Commands that run the grid, examine its cells and say how far they are."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cifake_keras.cli import options
from cifake_keras.study.settings import Settings

if TYPE_CHECKING:
    from cifake_keras.records.cells import Cell
    from cifake_keras.runtime.executors import Executor


@click.command(
    "run-grid",
    epilog=options.examples(
        "run-grid --phase phase1 --no-sweep --results-dir mine --dry-run",
        "run-grid --phase phase1 --condition baseline --seeds 5 --jobs 2",
    ),
)
@options.settings
@options.placed
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.pass_context
def run_grid(
    context: click.Context, wanted: "list[Cell]", settings: Settings, executor: "Executor", dry_run: bool
) -> None:
    """Train and evaluate the cells of the grid that are not done yet."""
    if settings.strategy == "mirrored" and context.params["jobs"] > 1:
        raise click.UsageError("--strategy mirrored gives each model all GPUs: leave --jobs at 1.")
    if dry_run:
        _echo_status(wanted, settings.results_dir)
        return
    from cifake_keras.runtime import processes
    from cifake_keras.runtime.progress import say

    say("TensorFlow starts")
    processes.import_tensorflow()
    from cifake_keras.study import grid
    from cifake_keras.training import curves, replicas
    from cifake_keras.training.precision import resolve_precision

    replicas.strategy(settings.strategy)  # refuses before anything is done
    if settings.tensorboard:
        curves.require()
    grid.run(wanted, replace(settings, precision=resolve_precision(settings.precision)), executor)


@click.command("grid-commands", epilog=options.examples("grid-commands --phase phase1 --seeds 5 --results-dir mine"))
@options.grid
@click.pass_context
def grid_commands(context: click.Context, wanted: "list[Cell]", **_: object) -> None:
    """Print the command of each cell of the grid, done or not, for the queue of a cluster."""
    common = [
        word
        for option in context.command.params
        if option.name not in options.SELECTING
        for word in _words(context, option)
    ]
    for cell in wanted:
        chosen = ("--phase", cell.phase, "--condition", cell.condition, "--classifier", cell.classifier)
        click.echo(shlex.join(["cifake-keras", "run-grid", *chosen, "--seed", str(cell.seed), *common]))


def _words(context: click.Context, option: click.Parameter) -> list[str]:
    """An option as it was given; none if it was not."""
    if not options.given(context, option.name):
        return []
    value = context.params[option.name]
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    return [option.opts[0], str(value)]


@click.command(epilog=options.examples("examine --phase phase1 --seeds 5 --jobs 2"))
@options.selection
@options.validation_files
@options.jobs
@options.data_dir
@options.results_dir
def examine(wanted: "list[Cell]", validation_files: Path | None, jobs: int, data_dir: Path, results_dir: Path) -> None:
    """Test finished cells on every path and on altered images, and measure their saliency."""
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras.splits import composition
    from cifake_keras.study import examination

    lists = composition.read_validation_files(validation_files)
    settings = Settings("available", data_dir, results_dir, validation_files=lists)
    examination.run(wanted, settings, processes.Local(jobs))


@click.command(epilog=options.examples("status --phase phase1", "status --phase phase1 --results-dir mine --watch"))
@options.selection
@options.results_dir
@click.option("--watch", is_flag=True, help="Refresh until every cell is done or has failed.")
def status(wanted: "list[Cell]", results_dir: Path, watch: bool) -> None:
    """Show which cells of the grid, and what they need, are done, running, failed or to do, and the time left."""
    if not watch:
        _echo_status(wanted, results_dir)
        return
    from cifake_keras.study import status

    status.watch(wanted, results_dir)


def _echo_status(wanted: "list[Cell]", results_dir: Path) -> None:
    from cifake_keras.study import status

    click.echo("\n".join(status.report(status.pieces(wanted, results_dir))))


COMMANDS = run_grid, grid_commands, examine, status
