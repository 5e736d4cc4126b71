"""Click commands. Each imports what it needs when it runs: TensorFlow alone takes seconds."""

import functools
import itertools
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from cifake_keras import protocol
from cifake_keras.runtime import interruption
from cifake_keras.runtime.errors import Unfinished, UserError, of_the_disk
from cifake_keras.sources import BUILDERS
from cifake_keras.study.settings import STRATEGIES, Settings

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
            raise _failure(what) from error
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
        from cifake_keras.records import cells

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
            from cifake_keras.runtime.cluster import Ray

            return command(executor=Ray(ray_address, cpus_per_cell, gpus_per_cell), **others)
        from cifake_keras.runtime.processes import Local

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
    from cifake_keras.runtime.progress import say
    from cifake_keras.sources import prepared
    from cifake_keras.sources.fetching import origins
    from cifake_keras.sources.image_folder import slug

    dataset = f"image_folder/{slug(options['title'])}" if source == "image_folder" else source
    if prepared.find(data_dir, dataset):
        prepared.prepare(source, data_dir, **options)
        return
    archive = origins.fetch(dataset, data_dir / "downloads", mirror, kaggle)
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
    from cifake_keras import audit
    from cifake_keras.report import audit as report
    from cifake_keras.splits import composition

    audit.run(phase, preset, data_dir, results_dir, composition.read_validation_files(validation_files))
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
        click.option(
            "--strategy",
            type=click.Choice(STRATEGIES),
            default=STRATEGIES[0],
            show_default=True,
            help="mirrored: each model on all GPUs of this machine, with --jobs 1; the batches stay as they are.",
        ),
        click.option(
            "--tensorboard", is_flag=True, help="Draw curves for TensorBoard (extra [tensorboard]) beside each cell."
        ),
        _data_dir,
        _results_dir,
        _folder("--saved-models-dir", "saved_models", "Where SavedModels go."),
    )


@main.command("run-grid")
@_grid
@_placed
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.pass_context
def run_grid(
    context, wanted, preset, recipe, swept, epochs, kernel, precision, validation_files, strategy, tensorboard,
    data_dir, results_dir, saved_models_dir, executor, dry_run,
):  # fmt: skip
    """Train and evaluate the cells of the grid that are not done yet."""
    if strategy == "mirrored" and context.params["jobs"] > 1:
        raise click.UsageError("--strategy mirrored gives each model all GPUs: leave --jobs at 1.")
    from cifake_keras.study import status

    if dry_run:
        click.echo("\n".join(status.report(status.pieces(wanted, results_dir))))
        return

    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras.splits import composition
    from cifake_keras.study import grid
    from cifake_keras.training import curves, replicas
    from cifake_keras.training.precision import resolve_precision

    replicas.strategy(strategy)  # refuses before anything is done
    if tensorboard:
        curves.require()
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
        precision=resolve_precision(precision),
        strategy=strategy,
        tensorboard=tensorboard,
        validation_files=composition.read_validation_files(validation_files),
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
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras.splits import composition
    from cifake_keras.study import examination

    validation_files = composition.read_validation_files(validation_files)
    settings = Settings("available", data_dir, results_dir, validation_files=validation_files)
    examination.run(wanted, settings, processes.Local(jobs))


@main.command()
@_selection
@_results_dir
@click.option("--watch", is_flag=True, help="Tell it again and again, until each cell is done or has failed.")
def status(wanted, results_dir, watch):
    """Show which cells of the grid, and what they need, are done, running, failed or to do, and the time left."""
    from cifake_keras.study import status

    if watch:
        status.watch(wanted, results_dir)
    else:
        click.echo("\n".join(status.report(status.pieces(wanted, results_dir))))


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

    from cifake_keras.records import examined
    from cifake_keras.report import evidence

    Console().print(evidence.compared(examined.read(results_dir), a, b, results_dir))


@main.command()
@_results_dir
def report(results_dir):
    """Write report.html, a page of all tables and figures."""
    from cifake_keras.report import page

    click.echo(page.write(results_dir))


def _listed(paths: Iterable[str]) -> Iterator[str]:
    """The paths; for - those on standard input, one a line."""
    for path in paths:
        if path == "-":
            yield from filter(None, os.fsdecode(sys.stdin.buffer.read()).split("\n"))
        else:
            yield path


def _probability(context, parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise click.BadParameter(f"{value} is not a probability: name a number from 0 to 1.")
    return value


_paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True)
_model = click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="The folder of a SavedModel, or a .tflite file; else the detector that comes with this program.",
)


def _unanswered(wrong: list, count: int) -> None:
    """Tells what is wrong with images, the other `count` of which were answered, and ends."""
    for answer in wrong:
        click.echo(f"{click.format_filename(answer.path)}: {answer.error}", err=True)
    if not count:
        raise UserError("There was no image to answer: name image files, or folders with some.")
    if wrong:
        raise Unfinished(f"{len(wrong)} of {count + len(wrong)} could not be answered, for the reasons above.")


@main.command()
@_paths
@_model
@click.option("--threshold", type=float, callback=_probability, help="FAKE from there on; else the model card's.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file for the answers.")
def predict(paths, model, threshold, form, output):
    """Tell which images a generator made. PATH: a file, a folder with images, or - for a list on standard input."""
    from cifake_keras.detector import load_detector, predictions
    from cifake_keras.runtime import files, progress

    detector = load_detector(model)
    found, answers = predictions.find(_listed(paths))
    with progress.task("Images", len(found)) as tell:
        for some in predictions.answers(detector, found):
            answers += some
            tell(len(answers))
    answered = [answer for answer in answers if not answer.error]
    text = predictions.text(answered, detector.threshold if threshold is None else threshold, form)
    if output and answered:
        files.write_text(output, text)
    elif answered:
        click.echo(text, nl=False)
    _unanswered([answer for answer in answers if answer.error], len(answered))


@main.command()
@_paths
@_model
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="explanation.png", show_default=True)
def explain(paths, model, output):
    """Draw what the detector looks at, as a PNG with a row an image. PATH: as for predict."""
    import numpy as np

    from cifake_keras.detector import load_detector, predictions
    from cifake_keras.report import explanation

    detector = load_detector(model)
    found, wrong = predictions.find(_listed(paths))
    seen = [predictions.look(detector, path) for path in found]
    wrong += [answer for answer, _ in seen if answer.error]
    pictures = [(answer.path.name, pixels) for answer, pixels in seen if not answer.error]
    if pictures:
        names, images = zip(*pictures, strict=True)
        explanation.write(output, detector, names, np.stack(images))
        click.echo(output)
    _unanswered(wrong, len(pictures))


def _vacant(context, parameter, path: Path) -> Path:
    """What is there is not replaced: it may be anything."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise click.BadParameter(f"{path} is there already; name another place, or delete it.")
    return path.resolve()


_saved_model = click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)


@main.command()
@_saved_model
@click.option("--format", "name", type=click.Choice(["savedmodel", "litert", "onnx", "tfjs"]), required=True)
@click.option(
    "--output", type=click.Path(path_type=Path), callback=_vacant, required=True, help="File or folder to write."
)
@click.option("--float16", is_flag=True, help="litert and tfjs: store weights in half the room.")
def export(model, name, output, float16):
    """Write a SavedModel (without MODEL, the one that comes with the package) for another runtime, and check it."""
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras import detector
    from cifake_keras.detector import formats

    difference = formats.write(model or detector.PRETRAINED, name, output, float16)
    click.echo(f"{output}: the probabilities of 256 images differ from the SavedModel's by at most {difference:.1g}")


@main.command()
@_saved_model
@click.option("--output", type=click.Path(path_type=Path), callback=_vacant, default="page", show_default=True)
def page(model, output):
    """Write a page that runs a SavedModel in the browser; any web server of static files can host it."""
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras import detector
    from cifake_keras.detector import page

    page.write(model or detector.PRETRAINED, output)
    click.echo(f"{output}; to look at it: python -m http.server --bind localhost --directory {output}")
