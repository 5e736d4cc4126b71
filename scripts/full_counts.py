"""Phase 2 at the paper's counts, on procedural images: that it runs, how long it takes and in how much memory.

Writes results/full_counts.json: the images by split as they were used, which must be those of the paper's Table 2, and
of each step the seconds and the peak memory. All else lies in a temporary folder that is deleted at the end: nothing
made of procedural images is left that could be taken for the paper's.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import memory
import stand_ins

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES, Phase
from cifake_keras.records import cells
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition

PHASE = "phase2"
GRID = f"cifake-keras run-grid --preset paper --phase {PHASE} --recipe fast --epochs 1 --jobs 2"
NOTE = (
    "The images are procedural (cifake_keras/sources/scenes.py), stand-ins for all sources: this shows that the phase "
    "runs. No accuracy is reported, because it would say nothing of the paper."
)

# Images by split, class and source.
Images = Counter[tuple[str, str, str]]


def commands(archives: dict[str, Path], scale: float, folder: Path) -> dict[str, list]:
    """What is run on the archives, each with the options that are of this machine and of this scale."""
    data_dir = ["--data-dir", folder / "data"]
    prepare = {protocol.SOURCES[name].command: ["--from", path, *data_dir] for name, path in archives.items()}
    results = ["--results-dir", folder / "results", "--saved-models-dir", folder / "saved_models"]
    return prepare | {GRID: ["--scale", scale, *data_dir, *results]}


def table(phase: Phase) -> Images:
    """As the paper's tables have them: training and validation together."""
    counts_of = {composition.TRAIN: phase.train} | {test.name: test.counts for test in phase.tests}
    return Counter(
        {
            (split, title, draw.source): draw.images
            for split, counts in counts_of.items()
            for label, title in enumerate(CLASSES)
            for draw in counts.of(label)
        }
    )


def used(data: list[dict]) -> Images:
    """From what a cell's metrics.json records of its data."""
    return +Counter(
        {
            (split, title, source["name"]): images
            for source in data
            for split, classes in source["splits"].items()
            for title, images in classes.items()
        }
    )


def as_table(images: Images) -> Images:
    """Puts validation to training, as `table` does."""
    joined = Counter()
    for (split, title, source), count in images.items():
        joined[composition.TRAIN if split == composition.VALIDATION else split, title, source] += count
    return joined


def by_split(images: Images) -> dict[str, dict[str, int]]:
    """As {"train": {"REAL CIFAKE": 25000, ...}, ...}."""
    splits = {}
    for (split, title, source), count in images.items():
        splits.setdefault(split, {})[f"{title} {source}"] = count
    return splits


@contextlib.contextmanager
def measured(title: str, steps: dict[str, dict]) -> Iterator[None]:
    started = time.monotonic()
    with memory.watched() as peaks:
        yield
    seconds = round(time.monotonic() - started, 1)
    steps[title] = {"seconds": seconds, "peak_memory_bytes_of_all_processes": sum(peaks.values())}
    say(f"{title}: {steps[title]}")


def run(phase: Phase, scale: float, folder: Path) -> dict:
    """What full_counts.json is to hold. Ends the program where a command fails: it has said why."""
    steps: dict[str, dict] = {}
    with measured("making the images", steps):
        archives = stand_ins.write(phase, folder / "archives")
    for command, options in commands(archives, scale, folder).items():
        with measured(command, steps):
            line = [sys.executable, "-m", "cifake_keras.cli", *command.split()[1:], *map(str, options)]
            status = subprocess.run(line).returncode
        if status:
            raise SystemExit(status)
    return {"note": NOTE, "scale": scale, **checked(phase, folder / "results"), "steps": steps}


def checked(phase: Phase, results_dir: Path) -> dict:
    """The images that all four conditions used. Ends the program where they are not those of the phase."""
    grid = cells.grid([phase.name], protocol.PAPER_CONDITIONS, ["paper"], seeds=protocol.evaluation_seeds(1))
    metrics = {cell.condition: files.read_json(cell.folder(results_dir) / cells.METRICS) for cell in grid}
    for condition, recorded in metrics.items():
        if as_table(used(recorded["data"])) != table(phase):
            raise SystemExit(f"{condition} used other images than {phase.title} has: {used(recorded['data'])}")
    first = next(iter(metrics.values()))
    images = used(first["data"])
    return {
        "conditions": list(metrics),
        "environment": first["environment"],
        "images": images.total(),
        "images_by_split": by_split(images),
    }


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the temporary folder is made, of some 2 GB; else where the system has such.",
)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option(
    "--scale",
    type=click.FloatRange(0, 1, min_open=True),
    default=1,
    show_default=True,
    help="Share of the counts, for a trial: the result is printed and not written.",
)
def main(folder: Path | None, results_dir: Path, scale: float) -> None:
    """Run Phase 2 at the paper's counts on procedural images, and write results/full_counts.json."""
    say(NOTE)
    phase = protocol.phases("paper", scale)[PHASE]
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        result = run(phase, scale, Path(temporary))
    if scale == 1:
        files.write_json(results_dir / "full_counts.json", result)
    else:
        click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
