"""Stop a small study again and again, and see that it ends as if it had not been stopped: results/kills.json.

The study is Phase 1 on procedural images, from archives that are fetched to the page that runs its detector: every
command that writes something. Its processes are stopped at random moments, by SIGKILL or as Ctrl-C and a cluster do it,
and the command is run again. After each stop every file that can be seen must be that of an undisturbed run, and no
finished cell may have been touched; at the end of a study its metrics and the answers of its SavedModels must be the
undisturbed ones.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import h5py
import loopback
import numpy as np
import pandas as pd
import stand_ins
from PIL import Image

from cifake_keras import protocol
from cifake_keras.detector import model_card
from cifake_keras.records import cells
from cifake_keras.runtime import executors, files
from cifake_keras.runtime.progress import say

PHASE = "phase1"
SCALE = 0.02  # of the paper's counts: 2,000 training images
IMAGES = 100  # that are predicted, by several processes
STARTING = 2  # seconds, in which a command imports what it needs and does nothing yet
PATIENCE = 60  # seconds until what was asked to end must have ended

# When a command is stopped at most, as a multiple of what it takes undisturbed: these go on where they were stopped.
LATEST = {"run-grid": 0.5, "examine": 0.5}
LATER = 1.1  # by how much, after each stop, as the machine may be slower by now

SIGNALS = signal.SIGKILL, signal.SIGTERM, signal.SIGINT

# They differ from run to run, or hold more after a kill. Digests do, as a history has the seconds of each epoch, and as
# Keras writes the names of layers beside their weights, and counts them up as long as a process lives; the weights
# themselves are compared.
TIMED = {"seconds", "environment", "weights", cells.HISTORY, cells.WEIGHTS, model_card.DIGESTS}
PASSING = {cells.CHECKPOINT, executors.LOG, executors.FAILURE}
FOLDERS, SUFFIXES = (cells.PARTS,), (".claim", ".part", ".etag", ".parts")

# Not the same to the byte from one writing to the next.
LOOSE = "saved_models/", "page/model/model.json"

TRAINING = ["--no-sweep", "--epochs", "2", "--jobs", "2"]

# The probabilities that SavedModels answer to the same 64 images, a line of JSON each; as float64 they are exact.
ANSWERS = """
import json, sys, numpy as np, tensorflow as tf
images = tf.constant(np.random.default_rng(0).random((64, 32, 32, 3), np.float32))
for folder in sys.argv[1:]:
    answers = tf.saved_model.load(folder).signatures["serving_default"](image=images)["probability_fake"]
    print(json.dumps(answers.numpy().ravel().astype(np.float64).tolist()))
"""


class Command(NamedTuple):
    """name: under which its stops are counted. output: what it refuses to replace, if anything."""

    name: str
    words: list[str]
    output: Path | None = None

    def run(self, stop: signal.Signals = signal.SIGKILL, seconds: float | None = None) -> bool:
        """Whether it had to be stopped, with all its processes, or ended before. Ends the program where it fails."""
        line = [sys.executable, "-m", "cifake_keras.cli", *self.words]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(line, start_new_session=True, stdout=output, stderr=output)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, stop)
                status = process.wait(PATIENCE)
                if status in (-stop, 128 + stop):
                    return True
            if status:
                output.seek(0)
                raise SystemExit(f"{' '.join(self.words)} ended with {status}:\n{output.read().decode()}")
        return False


def commands(archives: Path, mirror: str, folder: Path) -> list[Command]:
    """Of the study that is made in `folder`, in order. archives: the images to predict lie beside them."""
    data, results = ["--data-dir", str(folder / "data")], ["--results-dir", str(folder / "results")]
    models, images = ["--saved-models-dir", str(folder / "saved_models")], str(archives / "images")
    examined = ["--condition", "perturbed_autoencoded"]
    output = {name: folder / name for name in ("answers.csv", "explanation.png", "detector.tflite", "page")}

    def writes(name: str, *words: str) -> list[str]:
        return [*words, "--output", str(output[name])]

    return [
        Command("fetch", ["data", "prepare", "tiny_imagenet", "--mirror", mirror, *data]),
        Command("fetch", ["data", "prepare", "image_folder", "--generator", "SDv1.5", "--mirror", mirror, *data]),
        Command("data", ["data", "prepare", "all", "--from", str(archives), *data]),
        Command("run-grid", ["run-grid", "--phase", PHASE, *TRAINING, *data, *results, *models]),
        Command("examine", ["examine", "--phase", PHASE, *examined, *data, *results]),
        Command("audit", ["data", "audit", "--phase", PHASE, *data, *results]),
        *(Command(name, [name, *results]) for name in ("tables", "figures", "report")),
        Command("predict", writes("answers.csv", "predict", images, "--format", "csv")),
        Command("explain", writes("explanation.png", "explain", f"{images}/00.png")),
        Command("export", writes("detector.tflite", "export", "--format", "litert"), output["detector.tflite"]),
        Command("page", writes("page", "page"), output["page"]),
    ]


def visible(folder: Path) -> dict[str, Path]:
    """The files that somebody may take for whole, by their path in `folder`."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): path for name, path in paths.items() if not any(map(_passes, name.parts))}


def _passes(part: str) -> bool:
    """part: of a path."""
    return part.startswith((".", "incomplete.")) or part.endswith(SUFFIXES) or part in {*PASSING, *FOLDERS}


def content(path: Path):
    """What a file says, without what differs from run to run."""
    if path.suffix == ".json":
        return {key: value for key, value in json.loads(path.read_bytes()).items() if key not in TIMED}
    if path.suffix == ".csv":
        return pd.read_csv(path).drop(columns="seconds", errors="ignore").to_csv()
    if path.suffix == ".h5":
        with h5py.File(path) as stored:
            return dict(_datasets(stored))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: array.tobytes() for name, array in arrays.items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return path.read_bytes()


def _datasets(group: h5py.Group) -> Iterator[tuple[str, bytes]]:
    for value in group.values():
        if isinstance(value, h5py.Dataset):
            yield value.name, value[()].tobytes()
        else:
            yield from _datasets(value)


def differing(folder: Path, reference: Path) -> list[str]:
    """Files of a study that the undisturbed one does not have, or not so."""
    expected, wrong = visible(reference), []
    for name, path in visible(folder).items():
        of = _size if name.startswith(LOOSE) and path.name != model_card.MODEL_CARD.name else content
        if name not in expected or of(path) != of(expected[name]):
            wrong.append(name)
    return wrong


def _size(path: Path) -> int | None:
    """Of weights; None of others, in which TensorFlow names things by the order in which it met them."""
    return path.stat().st_size if "variables.data" in path.name else None


def metrics(folder: Path) -> dict[str, object]:
    """Every number of its cells' tests, as {"results/runs/.../metrics.json sdv15.matched.accuracy": 0.5, ...}."""
    paths = sorted(cell / cells.METRICS for cell in cells.finished(folder / "results"))
    return {
        f"{path.relative_to(folder)} {test}.{evaluation}.{metric}": value
        for path in paths
        for test, evaluations in files.read_json(path)["tests"].items()
        for evaluation, values in evaluations.items()
        for metric, value in values.items()
    }


def answers(folder: Path) -> dict[str, float]:
    """What its SavedModels answer to the same images, as {"baseline 0": 0.5, ...}."""
    if not (models := sorted((folder / "saved_models" / PHASE).glob("*"))):
        return {}
    line = [sys.executable, "-c", ANSWERS, *map(str, models)]
    lines = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    return {
        f"{model.name} {image}": probability
        for model, probabilities in zip(models, lines, strict=True)
        for image, probability in enumerate(json.loads(probabilities))
    }


class Study:
    """One that is stopped while it is made. reference: an undisturbed one.

    stops: how often, by what was being done; signals: by the signal. writing: how many of them came while something was
    being written. compared: how many files, metrics and answers were compared with the undisturbed study's;
    differences: which of them are others.
    """

    def __init__(self, folder: Path, reference: Path):
        self.folder, self.reference = folder, reference
        self.stops: Counter[str] = Counter()
        self.signals: Counter[str] = Counter()
        self.writing = 0
        self.compared: Counter[str] = Counter()
        self.differences: list[str] = []
        self._finished: dict[Path, int] = {}
        self._left: set[Path] = set()

    def make(self, planned: list[Command], durations: list[float], chance: random.Random) -> None:
        """Stops each command until it comes to its end before the next stop, and compares after each stop."""
        for command, duration in zip(planned, durations, strict=True):
            latest = duration * LATEST.get(command.name, 1.2)
            stop = chance.choice(SIGNALS)
            while command.run(stop, chance.uniform(min(STARTING, duration / 2), latest)):
                self._count(command, stop)
                self.compare_files()
                if command.output and command.output.exists():
                    break
                stop, latest = chance.choice(SIGNALS), latest * LATER
            self.compare_files()
        self.compare_ends()

    def _count(self, command: Command, stop: signal.Signals) -> None:
        trained = len(cells.finished(self.folder / "results")) == len(protocol.PAPER_CONDITIONS)
        doing = {"run-grid": "publishing" if trained else "training"}
        self.stops[doing.get(command.name, command.name)] += 1
        self.signals[stop.name] += 1
        left = {
            path
            for path in self.folder.rglob("*")
            if path.name.startswith((".cifake-keras.", "incomplete.")) or path.name.endswith(".part")
        }
        self.writing += bool(left - self._left)
        self._left = left

    def compare_files(self) -> None:
        """With those of the undisturbed study, and what is finished with what it was."""
        self.compared["files"] += len(visible(self.folder))
        after = f"after {self.stops.total()} stops"
        self.differences += [f"{name} {after}" for name in differing(self.folder, self.reference)]
        now = {path: path.stat().st_mtime_ns for path in (self.folder / "results").rglob(cells.METRICS)}
        self.differences += [
            f"{path.relative_to(self.folder)} done twice {after}"
            for path, before in self._finished.items()
            if now.get(path) != before
        ]
        self._finished = now

    def compare_ends(self) -> None:
        """Whether all files are there, each number of the cells and each answer of the SavedModels."""
        missing = visible(self.reference).keys() - visible(self.folder).keys()
        self.differences += [f"{name} missing" for name in sorted(missing)]
        for kind, read in {"metrics": metrics, "answers": answers}.items():
            expected, values = read(self.reference), read(self.folder)
            self.compared[kind] += len(expected)
            self.differences += [name for name in expected if values.get(name) != expected[name]]


def run(stops: int, seed: int, scale: float, folder: Path, names: Collection[str] = ()) -> dict:
    """What kills.json is to hold, of `stops` stops or some more: no study is left undone.

    names: of the commands; of all where there are none.
    """
    archives, reference = folder / "archives", folder / "reference"
    made = stand_ins.write(protocol.phases("paper", scale)[PHASE], archives)
    _draw(archives / "images", seed)
    with loopback.serving({source: made[source] for source in ("ImageNet", "SDv1.5")}) as mirror:
        planned = partial(_planned, names, archives, mirror)
        durations = [_duration(command) for command in planned(reference)]
        chance, studies = random.Random(seed), []
        while sum(study.stops.total() for study in studies) < stops:
            study = Study(folder / "disturbed", reference)
            study.make(planned(study.folder), durations, chance)
            studies.append(study)
            say(f"study {len(studies)}: {dict(study.stops)}, {len(study.differences)} differences")
            shutil.rmtree(study.folder)
    return {"seed": seed, **summary(studies), "files_of_a_study": len(visible(reference))}


def _planned(names: Collection[str], archives: Path, mirror: str, folder: Path) -> list[Command]:
    return [command for command in commands(archives, mirror, folder) if not names or command.name in names]


def _draw(folder: Path, seed: int) -> None:
    """Images to predict: noise."""
    folder.mkdir()
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:02d}.png")


def _duration(command: Command) -> float:
    """Seconds that it takes undisturbed."""
    started = time.monotonic()
    command.run()
    return time.monotonic() - started


def summary(studies: list[Study]) -> dict:
    return {
        "stops": dict(sum((study.stops for study in studies), Counter())),
        "signals": dict(sum((study.signals for study in studies), Counter())),
        "while_writing": sum(study.writing for study in studies),
        "studies": len(studies),
        "compared": dict(sum((study.compared for study in studies), Counter())),
        "differences": [difference for study in studies for difference in study.differences],
    }


@click.command()
@click.option("--stops", type=click.IntRange(1), default=100, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(stops: int, seed: int, results_dir: Path) -> None:
    """Stop, resume and compare, and write results/kills.json; half an hour on two cores."""
    with tempfile.TemporaryDirectory() as temporary:
        result = run(stops, seed, SCALE, Path(temporary))
    files.write_json(results_dir / "kills.json", result)
    if result["differences"]:
        raise SystemExit("a study that was stopped differs from the undisturbed one")


if __name__ == "__main__":
    main()
