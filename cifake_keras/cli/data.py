"""`cifake-keras data`: images are prepared, listed, verified and audited."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cifake_keras import protocol
from cifake_keras.cli import options
from cifake_keras.runtime.text import printable
from cifake_keras.sources import BUILDERS

if TYPE_CHECKING:
    from rich.table import Table

_ALL, _WEIGHTS = "all", "weights"


@click.group()
def data() -> None:
    """Prepare images, list them and check them."""


@data.command(
    "prepare",
    epilog=options.examples(
        "data prepare cifake",
        "data prepare image_folder --from images --generator SDv1.5",
        "data prepare all --from archives",
    ),
)
@click.argument("source", type=click.Choice([*BUILDERS, _ALL, _WEIGHTS]))
@click.argument("name", required=False, type=click.Choice(protocol.WEIGHTS))
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, exists=True),
    help="The folder or zip archive to read; else it is fetched. all: the folder of the archives.",
)
@click.option("--mirror", help="Fetch https://HOST/PATH from MIRROR/HOST/PATH instead.")
@click.option("--kaggle", is_flag=True, help="cifake: fetch it from Kaggle (extra [kaggle]) in place of GitHub.")
@click.option("--generator", help="image_folder: the generator's name, for instance SDv1.5.")
@click.option("--photographs", help="image_folder: a name for real images.")
@click.option("--strict", is_flag=True, help="Stop at the first image that is refused, and prepare nothing.")
@click.option("--beam", help="Prepare on Apache Beam with these pipeline options, for instance runner=FlinkRunner.")
@options.data_dir
def prepare(
    source: str,
    name: str | None,
    origin: Path | None,
    mirror: str | None,
    kaggle: bool,
    generator: str | None,
    photographs: str | None,
    strict: bool,
    beam: str | None,
    data_dir: Path,
) -> None:
    """Decode the images of SOURCE once and keep them as a TFDS data set below the data folder.

    SOURCE all: each source of the study whose archive is found somewhere below the folder --from. SOURCE weights: those
    of a network that was trained elsewhere, NAME; --from is the folder of its files.
    """
    if (source == _WEIGHTS) != bool(name):
        raise click.UsageError(
            f"SOURCE weights takes a NAME ({', '.join(protocol.WEIGHTS)}), and no other SOURCE does."
        )
    if name and (strict or beam):
        raise click.UsageError("weights are no images: leave --strict and --beam out.")
    if source != "image_folder" and (generator or photographs):
        raise click.UsageError("--generator and --photographs go with image_folder alone.")
    if kaggle and (source != "cifake" or origin or mirror):
        raise click.UsageError("--kaggle goes with cifake alone, and not with --from or --mirror.")
    if name:
        _prepare_weights(name, origin, mirror, data_dir)
        return
    if source == "procedural":
        if origin or beam:
            raise click.UsageError("procedural images are made, not read: leave --from and --beam out.")
        _make_procedural(data_dir)
        return
    from cifake_keras.sources import archives, prepared

    chosen: dict[str, Any] = {"strict": strict, "beam": beam}
    if source == "image_folder":
        chosen |= _one_class(generator, photographs)
    if source == _ALL:
        if not origin:
            raise click.UsageError("all does not fetch: name the folder of the archives with --from.")
        archives.prepare(origin, data_dir, strict=strict, beam=beam)
    elif origin:
        prepared.prepare(source, data_dir, origin=origin, **chosen)
    else:
        _fetch_and_prepare(source, data_dir, mirror, kaggle, chosen)


def _prepare_weights(name: str, origin: Path | None, mirror: str | None, data_dir: Path) -> None:
    from cifake_keras.runtime import processes
    from cifake_keras.sources.fetching import origins

    processes.import_tensorflow()
    from cifake_keras.conditions import weights

    of = protocol.WEIGHTS[name]
    step = next(step for step in (protocol.STEPS | protocol.BACKBONES).values() if step.weights == of)
    folder = origin or origins.fetch_weights(of, data_dir / "downloads", mirror)
    click.echo(weights.prepare(of, step, data_dir, folder))


def _make_procedural(data_dir: Path) -> None:
    from cifake_keras.runtime.progress import say

    say("TensorFlow Datasets starts")
    from cifake_keras.sources import prepared

    for recipe in protocol.SOURCES.values():
        if recipe.dataset.startswith("procedural/"):
            prepared.prepare("procedural", data_dir, config=recipe.name)


def _fetch_and_prepare(source: str, data_dir: Path, mirror: str | None, kaggle: bool, chosen: dict) -> None:
    from cifake_keras.runtime.progress import say
    from cifake_keras.sources import prepared
    from cifake_keras.sources.fetching import origins
    from cifake_keras.sources.image_folder import one_class

    named = source == "image_folder"
    dataset = f"{source}/{one_class(chosen['title'], chosen['label']).name}" if named else source
    if prepared.find(data_dir, dataset):
        prepared.prepare(source, data_dir, **chosen)
        return
    archive = origins.fetch(dataset, data_dir / "downloads", mirror, kaggle)
    prepared.prepare(source, data_dir, origin=archive, **chosen)
    say(f"{archive} has been read and may be deleted")


def _one_class(generator: str | None, photographs: str | None) -> dict[str, str]:
    if bool(generator) == bool(photographs):
        raise click.UsageError("image_folder holds one class: give --generator NAME (fakes) or --photographs NAME.")
    return {"title": generator or photographs or "", "label": "FAKE" if generator else "REAL"}


@data.command("list", epilog=options.examples("data list", "data list --data-dir paper/data"))
@options.data_dir
def list_(data_dir: Path) -> None:
    """List the sources: their images, what they are for, their licence, and how to get them; weights too."""
    from rich.console import Console

    Console(markup=False, emoji=False).print(_table(data_dir))
    for (origin, licence), group in itertools.groupby(
        protocol.SOURCES.values(), key=lambda source: (source.origin, source.licence)
    ):
        sources = list(group)
        names = ", ".join(source.name for source in sources)
        steps = dict.fromkeys(source.excerpt.step for source in sources if source.excerpt)
        terms = [f"{names}, from {origin}", f"licence: {licence}", *(f"each image: {step}" for step in steps)]
        click.echo("\n" + "\n".join(map(click.wrap_text, terms if origin else [names])))
        click.echo("\n".join(dict.fromkeys(source.command for source in sources)))
    for weights in protocol.WEIGHTS.values():
        terms = [
            f"weights {weights.name}, from {weights.origin}",
            f"licence: {weights.licence}",
            f"seen: {weights.seen}",
        ]
        click.echo("\n" + "\n".join(map(click.wrap_text, terms)))
        click.echo(weights.command)


def _table(data_dir: Path) -> "Table":
    from rich.table import Column, Table

    from cifake_keras.sources import inventory

    numbers = [Column(heading, no_wrap=True, justify="right") for heading in ("images", "on disk")]
    names = [Column(heading, no_wrap=True) for heading in ("source", "state")]
    table = Table(names[0], *numbers, names[1], "for", box=None, pad_edge=False)
    for entry in inventory.entries(data_dir):
        size = f"{max(1, entry.size // 10**6):,} MB" if entry.size else ""
        table.add_row(entry.title, entry.count, size, entry.state, "\n".join(entry.uses))
    return table


def _prepared(context: click.Context, argument: click.Parameter, typed: str) -> list[str]:
    """The study's data sets of which there is a folder, for a shell: quickly, so not by looking into them."""
    data_dir = Path(context.params.get("data_dir") or "data")
    names = [source.dataset for source in protocol.SOURCES.values() if (data_dir / source.dataset).is_dir()]
    return [name for name in names if name.startswith(typed)]


@data.command("verify", epilog=options.examples("data verify", "data verify cifake SDv1.5"))
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, shell_complete=_prepared)
@click.option("--record", is_flag=True, help="Record the fingerprint of data that were prepared without one.")
@options.data_dir
def verify(sources: tuple[str, ...], record: bool, data_dir: Path) -> None:
    """Check that prepared images, and the arrays made of them, are as they were prepared; all without SOURCE."""
    from cifake_keras.sources import inventory, verification

    right = True
    for dataset, folder in inventory.chosen(data_dir, sources).items():
        result = verification.verify(folder)
        if record and not (result.recorded or result.wrong):
            verification.record(folder, result)
        click.echo(printable(f"{dataset}: {result}"))
        right &= not result.wrong
    if not right:
        raise SystemExit(2)


@data.command("croissant", epilog=options.examples("data croissant", "data croissant cifake"))
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, shell_complete=_prepared)
@options.data_dir
def croissant_(sources: tuple[str, ...], data_dir: Path) -> None:
    """Describe prepared sources, all without SOURCE, in Croissant, a file beside each (extra [croissant])."""
    from cifake_keras.sources import croissant, inventory

    for dataset, folder in inventory.chosen(data_dir, sources).items():
        click.echo(croissant.write(dataset, folder))


@data.command("audit", epilog=options.examples("data audit --phase phase1"))
@click.option("--phase", type=click.Choice([phase.name for phase in protocol.PAPER_PHASES]), required=True)
@options.preset
@options.validation_files
@options.data_dir
@options.results_dir
def audit_(phase: str, preset: str, validation_files: Path | None, data_dir: Path, results_dir: Path) -> None:
    """Look for duplicates, confounds and shortcuts in the images of a phase."""
    from cifake_keras import audit
    from cifake_keras.report import audit as report
    from cifake_keras.splits import composition

    validated = composition.read_validation_files(validation_files)
    for path in report.write(audit.run(phase, preset, data_dir, results_dir, validated)):
        click.echo(path)
