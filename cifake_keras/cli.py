"""Click commands. Each imports what it needs when it runs: TensorFlow alone takes seconds."""

import functools
import itertools
import os
import shlex
from pathlib import Path

import click
from click.core import ParameterSource

from cifake_keras import interruption, protocol
from cifake_keras.errors import WHOLE, UserError, of_the_disk
from cifake_keras.sources import BUILDERS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"


class _Commands(click.Group):
    """Turns what went wrong outside the program into one sentence and an exit status."""

    def invoke(self, context: click.Context):
        interruption.raised()
        try:
            return super().invoke(context)
        except UserError as error:
            raise _failure(str(error), error.status) from error
        except BrokenPipeError:  # by `| head`; click ends quietly
            raise
        except Exception as error:
            if not (what := of_the_disk(error)):
                raise
            raise _failure(f"{what}. {WHOLE}") from error
        except interruption.Interrupted as interrupted:
            click.echo("Interrupted. What is finished is kept; the same command goes on from there.", err=True)
            raise SystemExit(interrupted.status) from None


def _failure(message: str, status: int = UserError.status) -> click.ClickException:
    failure = click.ClickException(message)
    failure.exit_code = status
    return failure


def _folder(option: str, default: str, purpose: str):
    return click.option(
        option, type=click.Path(path_type=Path, file_okay=False), default=default, show_default=True, help=purpose
    )


_data_dir = _folder("--data-dir", "data", "Where prepared sources are kept.")
_results_dir = _folder("--results-dir", "results", "Where cells, tables and figures are kept.")
_preset = click.option("--preset", type=click.Choice(protocol.PRESETS), default="available", show_default=True)
_validation_files = click.option(
    "--validation-files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with the authors' val_real_filenames.csv and val_fake_filenames.csv.",
)

_jobs = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that share the work, each with its share of the cores; as many as cores is fastest.",
)


def _given(context: click.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _with_options(command, *options):
    for option in reversed(options):
        command = option(command)
    return command


# The parameters of _selection.
_SELECTING = ("phases", "conditions", "classifiers", "seeds", "seed")


def _selection(command):
    """The options that select cells, which `command` gets as `wanted`; all are taken of what is not selected."""

    @functools.wraps(command)
    def select(phases, conditions, classifiers, seeds, seed, **others):
        from cifake_keras import cells

        if seed and _given(click.get_current_context(), "seeds"):
            raise click.UsageError("--seed names seeds one by one, in place of --seeds: leave one of them out.")
        return command(wanted=cells.grid(phases, conditions, classifiers, seed or range(seeds)), **others)

    phases = [phase.name for phase in protocol.PAPER_PHASES]
    return _with_options(
        select,
        click.option("--phase", "phases", multiple=True, type=click.Choice(phases), default=phases),
        click.option(
            "--condition",
            "conditions",
            multiple=True,
            type=click.Choice(list(protocol.CONDITIONS)),
            default=list(protocol.CONDITIONS),
        ),
        click.option(
            "--classifier",
            "classifiers",
            multiple=True,
            type=click.Choice(list(protocol.CLASSIFIERS)),
            default=["paper"],
            show_default=True,
        ),
        click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Seeds 0 to N-1."),
        click.option("--seed", multiple=True, type=click.IntRange(0), help="This seed alone; may be repeated."),
    )


def _placed(command):
    """The options that say where work is done, which `command` gets as `executor`."""

    @functools.wraps(command)
    def place(executor, jobs, ray_address, cpus_per_cell, gpus_per_cell, **others):
        foreign = {"local": ("ray_address", "cpus_per_cell", "gpus_per_cell"), "ray": ("jobs",)}[executor]
        if wrong := [name for name in foreign if _given(click.get_current_context(), name)]:
            option = wrong[0].replace("_", "-")
            raise click.UsageError(f"--{option} does not go with --executor {executor}: leave one of them out.")
        if executor == "ray":
            from cifake_keras.cluster import Ray

            return command(executor=Ray(ray_address, cpus_per_cell, gpus_per_cell), **others)
        from cifake_keras.processes import Local

        return command(executor=Local(jobs), **others)

    return _with_options(
        place,
        click.option(
            "--executor",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Processes of this machine, or Ray (extra [ray]); see docs/cluster.md.",
        ),
        _jobs,
        click.option(
            "--ray-address",
            metavar="HOST:PORT",
            help="ray: of a running cluster, or auto, the one of this machine; without it Ray is started here.",
        ),
        click.option(
            "--cpus-per-cell",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="ray: what a cell takes, and its threads.",
        ),
        click.option(
            "--gpus-per-cell",
            type=click.FloatRange(0),
            default=0,
            show_default=True,
            help="ray: what a cell takes; 0.5 puts two on a GPU.",
        ),
    )


@click.group(cls=_Commands)
@click.version_option(package_name="cifake-keras")
def main():
    """A replication of ISITCAP? (does an autoencoder help a detector of synthetic images generalise?) in Keras."""


@main.group()
def data():
    """Prepare images and see what is there."""


@data.command("prepare")
@click.argument("source", type=click.Choice(list(BUILDERS)))
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, exists=True),
    help="The folder or zip archive to read; else it is fetched.",
)
@click.option("--mirror", help="Fetch https://HOST/PATH from MIRROR/HOST/PATH instead.")
@click.option("--kaggle", is_flag=True, help="cifake: fetch it from Kaggle (extra [kaggle]) in place of GitHub.")
@click.option("--generator", help="image_folder: the generator's name, for instance SDv1.5.")
@click.option("--photographs", help="image_folder: a name for real images.")
@click.option("--strict", is_flag=True, help="Stop at the first image that is refused, and prepare nothing.")
@click.option("--beam", help="Prepare on Apache Beam with these pipeline options, for instance runner=FlinkRunner.")
@_data_dir
def prepare(source, origin, mirror, kaggle, generator, photographs, strict, beam, data_dir):
    """Decode the images of SOURCE once and keep them as a TFDS data set below the data folder."""
    from cifake_keras.sources import prepared

    if source != "image_folder" and (generator or photographs):
        raise click.UsageError("--generator and --photographs go with image_folder alone.")
    if kaggle and (source != "cifake" or origin or mirror):
        raise click.UsageError("--kaggle goes with cifake alone, and not with --from or --mirror.")
    if source == "procedural":
        if origin or beam:
            raise click.UsageError("procedural images are made, not read: leave --from and --beam out.")
        for recipe in protocol.SOURCES.values():
            if recipe.dataset.startswith("procedural/"):
                prepared.prepare(source, data_dir, config=recipe.name)
        return
    if photographs and not origin:
        raise click.UsageError("photographs of your own are not fetched: give their folder or zip archive with --from.")
    options = _one_class(generator, photographs) if source == "image_folder" else {}
    options |= {"strict": strict, "beam": beam}
    if origin:
        prepared.prepare(source, data_dir, origin=origin, **options)
    else:
        _fetch_and_prepare(source, data_dir, mirror, kaggle, options)


def _fetch_and_prepare(source: str, data_dir: Path, mirror: str | None, kaggle: bool, options: dict) -> None:
    from cifake_keras.progress import say
    from cifake_keras.sources import fetching, prepared
    from cifake_keras.sources.image_folder import slug

    dataset = f"image_folder/{slug(options['title'])}" if source == "image_folder" else source
    if prepared.find(data_dir, dataset):
        prepared.prepare(source, data_dir, **options)
        return
    archive = fetching.fetch(dataset, data_dir / "downloads", mirror, kaggle)
    prepared.prepare(source, data_dir, origin=archive, **options)
    say(f"{archive} has been read and may be deleted")


def _one_class(generator: str | None, photographs: str | None) -> dict[str, str]:
    if bool(generator) == bool(photographs):
        raise click.UsageError("image_folder holds one class: give --generator NAME (fakes) or --photographs NAME.")
    return {"title": generator or photographs, "label": "FAKE" if generator else "REAL"}


@data.command("list")
@_data_dir
def list_(data_dir):
    """Show what is there of each source, what it is for, its licence, and how to get it."""
    from rich.console import Console
    from rich.table import Column, Table

    from cifake_keras.sources import inventory

    texts, numbers = {"no_wrap": True}, {"no_wrap": True, "justify": "right"}
    columns = Column("source", **texts), Column("images", **numbers), Column("on disk", **numbers)
    table = Table(*columns, Column("state", **texts), "for", box=None, pad_edge=False)
    for entry in inventory.entries(data_dir):
        size = f"{max(1, entry.size // 10**6):,} MB" if entry.size else ""
        table.add_row(entry.title, entry.count, size, entry.state, "\n".join(entry.uses))
    Console().print(table)
    for (origin, licence), sources in itertools.groupby(
        protocol.SOURCES.values(), key=lambda source: (source.origin, source.licence)
    ):
        names, commands = zip(*((source.name, source.command) for source in sources), strict=True)
        click.echo(f"\n{', '.join(names)}" + (f", from {origin}\nlicence: {licence}" if origin else ""))
        click.echo("\n".join(dict.fromkeys(commands)))


@data.command("verify")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--record", is_flag=True, help="Keep the fingerprint of data that were prepared before there was one.")
@_data_dir
def verify(sources, record, data_dir):
    """Check that prepared images, and the arrays made of them, are still what was prepared; all without SOURCE."""
    from cifake_keras.sources import inventory, verification

    right = True
    for dataset, folder in inventory.chosen(data_dir, sources).items():
        found = verification.verify(folder)
        if record and not (found.recorded or found.wrong):
            verification.record(folder, found)
        click.echo(f"{dataset}: {found}")
        right &= not found.wrong
    if not right:
        raise SystemExit(2)


@data.command("audit")
@click.option("--phase", type=click.Choice([phase.name for phase in protocol.PAPER_PHASES]), required=True)
@_preset
@_validation_files
@_data_dir
@_results_dir
def audit_(phase, preset, validation_files, data_dir, results_dir):
    """Look for duplicates, confounds and shortcuts in the images of a phase."""
    from cifake_keras import audit, splits
    from cifake_keras.report import audit as report

    audit.run(phase, preset, data_dir, results_dir, splits.read_validation_files(validation_files))
    for path in report.write(audit.folder(results_dir, phase)):
        click.echo(path)


def _grid(command):
    """The options that say which cells are run, and how."""
    return _with_options(
        command,
        _preset,
        _selection,
        click.option(
            "--recipe",
            type=click.Choice(protocol.RECIPES),
            default=protocol.RECIPES[0],
            show_default=True,
            help="The authors', or a schedule of ours that reaches their accuracy in two minutes; it is not swept.",
        ),
        click.option(
            "--sweep/--no-sweep", "swept", default=True, show_default=True, help="Sweep, or train with fixed values."
        ),
        click.option("--epochs", type=click.IntRange(1), help="Of the classifiers, in place of the protocol's."),
        click.option("--kernel", type=click.Choice(protocol.KERNELS), default=protocol.KERNELS[0], show_default=True),
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            show_default=True,
            help="auto: bfloat16 where the processor or GPU computes in it.",
        ),
        _validation_files,
        _data_dir,
        _results_dir,
        _folder("--saved-models-dir", "saved_models", "Where SavedModels go."),
    )


@main.command("run-grid")
@_grid
@_placed
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
def run_grid(
    wanted, preset, recipe, swept, epochs, kernel, precision, validation_files, data_dir, results_dir,
    saved_models_dir, executor, dry_run,
):  # fmt: skip
    """Train and evaluate the cells of the grid that are not done yet."""
    if dry_run:
        _print_states(wanted, results_dir)
        return

    from cifake_keras import processes

    processes.import_tensorflow()
    from cifake_keras import grid, splits, training
    from cifake_keras.settings import Settings

    # Absolute, as whoever does a cell may have another working directory.
    settings = Settings(
        preset=preset,
        data_dir=data_dir.absolute(),
        results_dir=results_dir.absolute(),
        saved_models_dir=saved_models_dir.absolute(),
        recipe=recipe,
        swept=swept,
        epochs=epochs,
        kernel=kernel,
        precision=training.resolve_precision(precision),
        validation_files=splits.read_validation_files(validation_files),
    )
    grid.run(wanted, settings, executor)


@main.command("grid-commands")
@_grid
@click.pass_context
def grid_commands(context, wanted, **_):
    """Print the command of each cell of the grid, done or not, for the queue of a cluster."""
    given = [
        word for option in context.command.params if option.name not in _SELECTING for word in _words(context, option)
    ]
    for cell in wanted:
        chosen = ("--phase", cell.phase, "--condition", cell.condition, "--classifier", cell.classifier)
        click.echo(shlex.join(["cifake-keras", "run-grid", *chosen, "--seed", str(cell.seed), *given]))


def _words(context: click.Context, option: click.Parameter) -> list[str]:
    """An option as it was given; none if it was not."""
    value = context.params.get(option.name)
    if not _given(context, option.name):
        return []
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    return [option.opts[0], str(value)]


@main.command()
@_selection
@_validation_files
@_jobs
@_data_dir
@_results_dir
def examine(wanted, validation_files, jobs, data_dir, results_dir):
    """Test finished cells on every path and on altered images, and measure their saliency."""
    from cifake_keras import processes

    processes.import_tensorflow()
    from cifake_keras import examination, splits

    validation_files = splits.read_validation_files(validation_files)
    examination.run(wanted, data_dir, results_dir, validation_files, processes.Local(jobs))


@main.command()
@_selection
@_results_dir
def status(wanted, results_dir):
    """Show which cells of the grid are done, unfinished or to do."""
    _print_states(wanted, results_dir)


def _print_states(wanted, results_dir: Path) -> None:
    from cifake_keras import cells

    states = [cells.state(cell.folder(results_dir)) for cell in wanted]
    for cell, state in zip(wanted, states, strict=True):
        click.echo(f"{state:<11}{cell}")
    click.echo(", ".join(f"{states.count(state)} {state}" for state in (cells.DONE, cells.UNFINISHED, cells.ABSENT)))


@main.command()
@_results_dir
def tables(results_dir):
    """Write the tables of the finished and the examined cells, and print tables 3 and 4."""
    from rich.console import Console

    from cifake_keras.report import tables

    tables.write(results_dir)
    tables.show(results_dir, Console())


@main.command()
@_results_dir
def figures(results_dir):
    """Draw figures 1 to 4 from the finished cells, and charts of the examined ones."""
    from cifake_keras.report import charts, figures

    for path in (*figures.write(results_dir), *charts.write(results_dir)):
        click.echo(path)


@main.command()
@click.argument("a", type=click.Choice(list(protocol.CONDITIONS)))
@click.argument("b", type=click.Choice(list(protocol.CONDITIONS)))
@_results_dir
def compare(a, b, results_dir):
    """Is condition A better than B? Paired by seed and test image, from the examined cells."""
    from rich.console import Console

    from cifake_keras.report import evidence, examined

    Console().print(evidence.compared(examined.read(results_dir), a, b, results_dir))


@main.command()
@_results_dir
def report(results_dir):
    """Write report.html, a page of all tables and figures."""
    from cifake_keras.report import page

    click.echo(page.write(results_dir))


if __name__ == "__main__":
    main()
