"""Commands of the detector: what it says of images, and the formats that it is written in."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from cifake_keras.cli import options
from cifake_keras.runtime.errors import Unfinished, UserError
from cifake_keras.runtime.text import by_reason, lines, printable

_paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True)
_model = click.option(
    "--model",
    type=click.Path(),  # which shells complete; an address stays as it is
    metavar="PATH|ADDRESS",
    help="The folder of a SavedModel, a .tflite file, or the hf:// or kaggle:// address of a published detector;"
    " else the one that comes with this program.",
)
_STANDARD_OUTPUT = Path("-")
_saved_model = click.argument("model", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)


def _listed(paths: Iterable[str]) -> Iterator[str]:
    """The paths; for - those on standard input, one a line."""
    for path in paths:
        if path == "-":
            yield from lines(sys.stdin.buffer.read(), "The list on standard input")
        else:
            yield path


def _probability(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise click.BadParameter(f"{value} is not a number from 0 to 1.")
    return value


def _replaceable(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """Refuses what must not be replaced, before any work is done for it."""
    from cifake_keras.runtime import files

    if path != _STANDARD_OUTPUT:
        files.require_replaceable(path)
    return path


def _write(output: Path, content: bytes) -> None:
    from cifake_keras.runtime import files

    if output == _STANDARD_OUTPUT:
        click.echo(content, nl=False)
    else:
        files.write_bytes(output, content)


def _vacant(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """Refuses to replace what is there: it may be anything."""
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise click.BadParameter(f"{path} is there already; name another place, or delete it.")
    return path.resolve()


def _end(unanswered: list, answered: int) -> None:
    """Says what was left out and why, and ends with an error where an image was, or there was none at all.

    unanswered: answers with errors. answered: how many others there were.
    """
    from cifake_keras.sources import walk

    for line in by_reason((click.format_filename(answer.path), answer.error) for answer in unanswered):
        click.echo(printable(line), err=True)
    if not answered:
        raise UserError("There was no image to answer: name image files, or folders with some.")
    if failed := sum(answer.error not in walk.SKIPPED for answer in unanswered):
        raise Unfinished(f"{failed} of {answered + failed} could not be answered, for the reasons above.")


def _output(default: str) -> Callable:
    return click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        callback=_replaceable,
        default=default,
        show_default=True,
        help="A file, or - for standard output.",
    )


@click.command(epilog=options.examples("predict photograph.jpg", "predict pictures --format csv --output answers.csv"))
@_paths
@_model
@click.option(
    "--error-rate",
    type=float,
    callback=_probability,
    help="The share of photographs that may be called FAKE, and of fakes that may be called REAL, among images like"
    " those of the training; what lies between is UNSURE. The model card has it for 0.01, 0.02, 0.05, 0.1 and 0.2."
    "  [default: 0.05]",
)
@click.option("--threshold", type=float, callback=_probability, help="FAKE from this probability on, REAL below it.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@_output("-")
def predict(
    paths: tuple[str, ...],
    model: str | None,
    error_rate: float | None,
    threshold: float | None,
    form: str,
    output: Path,
) -> None:
    """Tell which images a generator made. PATH: a file, a folder with images, or - for a list on standard input."""
    from cifake_keras.detector import limits, load_detector, predictions
    from cifake_keras.runtime import progress

    if error_rate is not None and threshold is not None:
        raise click.UsageError("--error-rate and --threshold both say where FAKE begins: name one of them.")
    detector = load_detector(model)
    asked = filter(None, (detector, detector.larger))
    chosen = {one.name: one.limits(error_rate) if threshold is None else limits.at(threshold) for one in asked}
    images, others = predictions.find(_listed(paths))
    answers: list[predictions.Answer] = []
    with progress.task("Images", len(images)) as show:
        for chunk in predictions.answers(detector, images):
            answers += chunk
            show(len(answers))
    answers += others
    answered = [answer for answer in answers if not answer.error]
    if answered:
        _write(output, predictions.text(answers, chosen, form).encode())
    _end([answer for answer in answers if answer.error], len(answered))


@click.command(epilog=options.examples("explain photograph.jpg pictures --output explanation.png"))
@_paths
@_model
@_output("explanation.png")
def explain(paths: tuple[str, ...], model: str | None, output: Path) -> None:
    """Draw what the detector looks at, as a PNG with a row an image. PATH: as for predict."""
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras.detector import load_detector, predictions
    from cifake_keras.report import explanation

    detector = load_detector(model)
    images, unanswered = predictions.find(_listed(paths))
    seen = [predictions.look(detector, path) for path in images]
    unanswered += [answer for answer, _ in seen if answer.error]
    pictures = [(answer.path.name, pixels) for answer, pixels in seen if not answer.error]
    if pictures:
        names, pixels = zip(*pictures, strict=True)
        explanation.check(len(names))
        maps = [{name: of for name, (of,) in detector.fitting(one).explain(one).items()} for one in pixels]
        _write(output, explanation.png(names, pixels, detector.predict(pixels), maps))
        if output != _STANDARD_OUTPUT:
            click.echo(output)
    _end(unanswered, len(pictures))


@click.command(
    epilog=options.examples(
        "export --format litert --output detector.tflite",
        "export saved_models/phase1/baseline --format onnx --output detector.onnx",
    )
)
@_saved_model
@click.option(
    "--format",
    "name",
    type=click.Choice(["savedmodel", "serving", "keras", "litert", "onnx", "tfjs"]),
    required=True,
)
@click.option(
    "--output", type=click.Path(path_type=Path), callback=_vacant, required=True, help="File or folder to write."
)
@click.option("--float16", is_flag=True, help="litert and tfjs: store weights in half the room.")
def export(model: Path | None, name: str, output: Path, float16: bool) -> None:
    """Write a SavedModel (without MODEL, the one that comes with the package) for another runtime, and check it."""
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras import detector
    from cifake_keras.detector import formats

    difference = formats.write(model or detector.PRETRAINED, name, output, float16)
    click.echo(f"{output}: the probabilities of 256 images differ from the SavedModel's by at most {difference:.1g}")


@click.command(epilog=options.examples("page", "page saved_models/phase1/baseline --output mine"))
@_saved_model
@click.option("--output", type=click.Path(path_type=Path), callback=_vacant, default="page", show_default=True)
def page(model: Path | None, output: Path) -> None:
    """Write a page that runs a SavedModel in the browser; any web server of static files can host it.

    Without MODEL it has both detectors that come with this program.
    """
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras import detector
    from cifake_keras.detector import page

    if model:
        page.write(model, output)
    else:
        page.write(detector.PRETRAINED, output, detector.PRETRAINED_NATIVE)
    click.echo(f"{output}; to look at it: python -m http.server --bind localhost --directory {output}")


def _target(context: click.Context, parameter: click.Parameter, target: str) -> Path | str:
    """A place for a new folder, or the address of a repository."""
    from cifake_keras.detector import hubs

    if not hubs.is_address(target):
        return _vacant(context, parameter, Path(target))
    if not target.startswith(hubs.HUGGING_FACE):
        raise click.BadParameter(
            f"only {hubs.HUGGING_FACE} is published to; write a folder, and upload that elsewhere."
        )
    return target


@click.command(
    epilog=options.examples("publish repository", "publish hf://USER/NAME --model saved_models/phase1/baseline")
)
@click.argument("target", metavar="FOLDER|hf://USER/NAME", callback=_target)
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of a SavedModel; else the one that comes with this program.",
)
def publish(target: Path | str, model: Path | None) -> None:
    """Write a SavedModel as a model repository of Hugging Face (extra [huggingface]), here or there.

    The repository has the SavedModel, its LiteRT and .keras files, and a README.md made of its model card.
    """
    from cifake_keras.runtime import processes

    processes.import_tensorflow()
    from cifake_keras import detector
    from cifake_keras.detector import hubs, repository

    if isinstance(target, Path):
        repository.write(model or detector.PRETRAINED, target)
        click.echo(target)
        return
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "repository"
        repository.write(model or detector.PRETRAINED, written, target)
        click.echo(hubs.upload(written, target))


COMMANDS = predict, explain, export, page, publish
