"""Commands that write tables, figures and the page of what the grid has given."""

from pathlib import Path

import click

from cifake_keras import protocol
from cifake_keras.cli import options


@click.command(epilog=options.examples("tables", "tables --results-dir mine"))
@options.results_dir
def tables(results_dir: Path) -> None:
    """Write the tables of the finished and the examined cells, and print tables 3 and 4."""
    from rich.console import Console

    from cifake_keras.report import tables

    tables.write(results_dir, Console())


@click.command(epilog=options.examples("figures --results-dir mine"))
@options.results_dir
def figures(results_dir: Path) -> None:
    """Draw figures 1 to 4 from the finished cells, and charts of the examined ones."""
    from cifake_keras.report import charts, figures

    for path in (*figures.write(results_dir), *charts.write(results_dir)):
        click.echo(path)


@click.command(epilog=options.examples("compare baseline autoencoded --results-dir mine"))
@click.argument("a", type=click.Choice(list(protocol.CONDITIONS)))
@click.argument("b", type=click.Choice(list(protocol.CONDITIONS)))
@options.results_dir
def compare(a: str, b: str, results_dir: Path) -> None:
    """Is condition A better than B? Paired by seed and test image, from the examined cells."""
    from rich.console import Console

    from cifake_keras.records import examined
    from cifake_keras.report import evidence

    Console().print(evidence.compared(examined.read(results_dir), a, b, results_dir))


@click.command(epilog=options.examples("report --results-dir mine"))
@options.results_dir
def report(results_dir: Path) -> None:
    """Write report.html, a page of all tables and figures."""
    from cifake_keras.report import page

    click.echo(page.write(results_dir))


COMMANDS = tables, figures, compare, report
