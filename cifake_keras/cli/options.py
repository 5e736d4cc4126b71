"""Options that commands share, and what is made of them: the cells, the settings and the executor of a grid."""

import difflib
import fnmatch
import functools
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cifake_keras import protocol
from cifake_keras.study.settings import STRATEGIES, Settings

# The parameters of `selection`.
SELECTING = ("phases", "conditions", "classifiers", "seeds", "seed")

Decorator = Callable[[Callable], Callable]


def given(context: click.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def examples(*commands: str) -> str:
    """What the help of a command ends with: itself, as it is used. The \\b keeps click from filling its lines."""
    return "\n".join(["\b", "Examples:", *(f"  cifake-keras {command}" for command in commands)])


def _folder(option: str, default: str, purpose: str) -> Decorator:
    return click.option(
        option, type=click.Path(path_type=Path, file_okay=False), default=default, show_default=True, help=purpose
    )


data_dir = _folder("--data-dir", "data", "Where prepared sources are kept.")
results_dir = _folder("--results-dir", "results", "Where cells, tables and figures are kept.")
saved_models_dir = _folder("--saved-models-dir", "saved_models", "Where SavedModels are written.")
preset = click.option(
    "--preset",
    type=click.Choice(protocol.PRESETS),
    default="available",
    show_default=True,
    help="The paper's images, or an error; those of them that are available; or the package's own, for a demo.",
)
validation_files = click.option(
    "--validation-files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with the authors' val_real_filenames.csv and val_fake_filenames.csv.",
)
jobs = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that share the work, each with its share of the cores; as many as cores is fastest.",
)


def _with_options(command: Callable, *options: Decorator) -> Callable:
    for option in reversed(options):
        command = option(command)
    return command


def selection(command: Callable) -> Callable:
    """The options that select cells, which `command` gets as `wanted`; all are taken of what is not selected."""

    @functools.wraps(command)
    def select(
        phases: tuple[str, ...],
        conditions: tuple[str, ...],
        classifiers: tuple[str, ...],
        seeds: int,
        seed: tuple[int, ...],
        **others: Any,
    ) -> Any:
        from cifake_keras.records import cells

        if seed and given(click.get_current_context(), "seeds"):
            raise click.UsageError("--seed names seeds one by one, in place of --seeds: leave one of them out.")
        chosen = seed or protocol.evaluation_seeds(seeds)
        return command(wanted=cells.grid(phases, conditions, classifiers, chosen), **others)

    paper = [phase.name for phase in protocol.PAPER_PHASES]
    return _with_options(
        select,
        _names("--phase", "phases", protocol.phases("available"), paper, "the paper's"),
        _names("--condition", "conditions", protocol.CONDITIONS, protocol.PAPER_CONDITIONS, "the paper's"),
        click.option(
            "--classifier",
            "classifiers",
            multiple=True,
            metavar="NAME",
            callback=_classifiers,
            shell_complete=_completed,
            default=["paper"],
            show_default=True,
            help="May be repeated, and stand for several, as 'bird_lotfi*' does; docs/study.md explains them.",
        ),
        click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Seeds 1 to N."),
        click.option("--seed", multiple=True, type=click.IntRange(1), help="Only this seed; may be repeated."),
    )


def _classifiers(context: click.Context, option: click.Parameter, patterns: tuple[str, ...]) -> list[str]:
    """Those that any of the patterns means, in the protocol's order."""
    for pattern in patterns:
        if not fnmatch.filter(protocol.CLASSIFIERS, pattern):
            nearest = difflib.get_close_matches(pattern, protocol.CLASSIFIERS, n=5, cutoff=0)
            raise click.BadParameter(
                f"there is no {pattern!r}; the nearest are {', '.join(nearest)}. docs/study.md explains the names."
            )
    return [name for name in protocol.CLASSIFIERS if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _completed(context: click.Context, option: click.Parameter, typed: str) -> list[str]:
    return [name for name in protocol.CLASSIFIERS if name.startswith(typed)]


def _names(option: str, parameter: str, names: Iterable[str], default: Iterable[str], called: str) -> Decorator:
    """An option that may be repeated. default: what is taken without it, called so."""
    return click.option(
        option,
        parameter,
        multiple=True,
        type=click.Choice(list(names)),
        default=list(default),
        help=f"May be repeated; else {called}.",
    )


def grid(command: Callable) -> Callable:
    """The options that say which cells are run, and how."""
    return _with_options(
        command,
        preset,
        click.option(
            "--scale",
            type=click.FloatRange(0, 1, min_open=True),
            default=1.0,
            show_default=True,
            help="Share of the images that the protocol wants, for trials.",
        ),
        selection,
        click.option(
            "--recipe",
            type=click.Choice(list(protocol.RECIPES)),
            default="paper",
            show_default=True,
            help="The authors'; equal: as many epochs in all conditions; fast: a schedule of ours that is not swept.",
        ),
        click.option(
            "--reading",
            type=click.Choice(list(protocol.READINGS)),
            default=next(iter(protocol.READINGS)),
            show_default=True,
            help="How the paper's text is read where it is ambiguous; docs/protocol.md compares them.",
        ),
        click.option(
            "--sweep/--no-sweep", "swept", default=True, show_default=True, help="Sweep, or train with fixed values."
        ),
        click.option("--epochs", type=click.IntRange(1), help="Epochs of the classifiers; else the protocol's."),
        click.option(
            "--kernel",
            type=click.Choice(protocol.KERNELS),
            default=protocol.KERNELS[0],
            show_default=True,
            help="How images are resized to 32x32.",
        ),
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            show_default=True,
            help="auto: bfloat16 where the processor or GPU computes in it.",
        ),
        validation_files,
        click.option(
            "--strategy",
            type=click.Choice(STRATEGIES),
            default=STRATEGIES[0],
            show_default=True,
            help="mirrored: each model on all GPUs of this machine, with --jobs 1; the batches stay as they are.",
        ),
        click.option(
            "--tensorboard",
            is_flag=True,
            help="Draw curves and images for TensorBoard (extra [tensorboard]) beside each cell.",
        ),
        data_dir,
        results_dir,
        saved_models_dir,
        click.option("--force", is_flag=True, help="Replace SavedModels there that are not of these results."),
    )


def settings(command: Callable) -> Callable:
    """The options of `grid`, which `command` gets as `settings`: an option has the name of the field."""

    @functools.wraps(command)
    def build(**parameters: Any) -> Any:
        from cifake_keras.splits import composition

        values = {field.name: parameters.pop(field.name) for field in fields(Settings)}
        values["validation_files"] = composition.read_validation_files(values["validation_files"])
        # Absolute, as the process that does a cell may have another working directory.
        values |= {name: value.absolute() for name, value in values.items() if isinstance(value, Path)}
        return command(settings=Settings(**values), **parameters)

    return grid(build)


def placed(command: Callable) -> Callable:
    """The options that say where work is done, which `command` gets as `executor`."""

    @functools.wraps(command)
    def place(
        executor: str, jobs: int, ray_address: str | None, cpus_per_cell: int, gpus_per_cell: float, **others: Any
    ) -> Any:
        foreign = {"local": ("ray_address", "cpus_per_cell", "gpus_per_cell"), "ray": ("jobs",)}[executor]
        if wrong := [name for name in foreign if given(click.get_current_context(), name)]:
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
        jobs,
        click.option(
            "--ray-address",
            metavar="HOST:PORT",
            help="ray: the address of a running cluster, or auto for this machine's; else Ray is started on it.",
        ),
        click.option(
            "--cpus-per-cell",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="ray: cores of a cell, and its threads.",
        ),
        click.option(
            "--gpus-per-cell",
            type=click.FloatRange(0),
            default=0,
            show_default=True,
            help="ray: GPUs of a cell; 0.5 puts two cells on a GPU.",
        ),
    )
