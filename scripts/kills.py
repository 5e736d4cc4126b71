"""Kill a small study again and again, and see that it ends as if it had not been: results/kills.json.

The study is Phase 1 on procedural images: data prepared, four conditions trained, SavedModels exported, tables written.
Its processes are killed (SIGKILL) at random moments, and the command that was killed is run again. After each kill
every file that can be seen must be that of an undisturbed run, and no finished cell may have been touched; at the end
of a study its metrics and the answers of its SavedModels must be the undisturbed ones.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import h5py
import numpy as np
import pandas as pd
import stand_ins

from cifake_keras import protocol
from cifake_keras.detector import model_card
from cifake_keras.records import cells
from cifake_keras.runtime import executors, files
from cifake_keras.runtime.progress import say

PHASE = "phase1"
SCALE = 0.05  # of the paper's counts: 5,000 training images
STARTING = 2  # seconds, in which a command imports what it needs and does nothing yet
# When a kill comes at most, as a multiple of what the command takes undisturbed; run-grid goes on where it was killed.
LATEST = {"data": 1.2, "run-grid": 0.5, "tables": 1.2}

# They differ from run to run, or hold more after a kill. Digests do, as a history has the seconds of each epoch, and as
# Keras writes the names of layers beside their weights, and counts them up as long as a process lives; the weights
# themselves are compared.
TIMED = {"seconds", "environment", cells.HISTORY, cells.WEIGHTS, model_card.DIGESTS}
PASSING = {cells.CHECKPOINT, executors.LOG, executors.FAILURE}

# The probabilities that SavedModels answer to the same 64 images, a line of JSON each; as float64 they are exact.
ANSWERS = """
import json, sys, numpy as np, tensorflow as tf
images = tf.constant(np.random.default_rng(0).random((64, 32, 32, 3), np.float32))
for folder in sys.argv[1:]:
    answers = tf.saved_model.load(folder).signatures["serving_default"](image=images)["probability_fake"]
    print(json.dumps(answers.numpy().ravel().astype(np.float64).tolist()))
"""


def commands(archives: Path, folder: Path) -> list[list[str]]:
    """Of the study that is made in `folder`."""
    data = ["--data-dir", str(folder / "data")]
    results = ["--results-dir", str(folder / "results")]
    models = ["--saved-models-dir", str(folder / "saved_models")]
    return [
        ["data", "prepare", "all", "--from", str(archives), *data],
        ["run-grid", "--phase", PHASE, "--no-sweep", "--epochs", "2", "--jobs", "2", *data, *results, *models],
        ["tables", *results],
    ]


def killed(command: list[str], seconds: float | None) -> bool:
    """Whether it had to be killed, with all its processes, or ended before. Ends the program where it fails."""
    line = [sys.executable, "-m", "cifake_keras.cli", *command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(line, start_new_session=True, stdout=output, stderr=output)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {status}:\n{output.read().decode()}")
    return False


def visible(folder: Path) -> dict[str, Path]:
    """The files that somebody may take for whole, by their path in `folder`."""
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        str(name): path
        for name, path in paths.items()
        if not any(part.startswith((".", "incomplete.")) for part in name.parts)
        and not name.name.endswith(".claim")
        and name.name not in PASSING
    }


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
    return path.read_bytes()


def _datasets(group: h5py.Group) -> Iterator[tuple[str, bytes]]:
    for value in group.values():
        if isinstance(value, h5py.Dataset):
            yield value.name, value[()].tobytes()
        else:
            yield from _datasets(value)


def differing(folder: Path, reference: Path) -> list[str]:
    """Files of a study that the undisturbed one does not have, or not so.

    SavedModels are not the same to the byte from one writing to the next: of theirs the length of the weights is.
    """
    expected, wrong = visible(reference), []
    for name, path in visible(folder).items():
        in_model = name.startswith("saved_models/") and not name.endswith(".json")
        of = (lambda path: path.stat().st_size if "variables.data" in path.name else True) if in_model else content
        if name not in expected or of(path) != of(expected[name]):
            wrong.append(name)
    return wrong


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
    """One that is killed while it is made. reference: an undisturbed one.

    kills: how often, by what was being done. writing: how many of them came while something was being written.
    compared: how many files, metrics and answers were compared with the undisturbed study's; differences: which of them
    are others.
    """

    def __init__(self, folder: Path, reference: Path):
        self.folder, self.reference = folder, reference
        self.kills: Counter[str] = Counter()
        self.writing = 0
        self.compared: Counter[str] = Counter()
        self.differences: list[str] = []
        self._finished: dict[Path, int] = {}
        self._left: set[Path] = set()

    def make(self, archives: Path, durations: list[float], chance: random.Random) -> None:
        """Kills each command until it comes to its end before the next kill, and compares after each kill."""
        for command, duration in zip(commands(archives, self.folder), durations, strict=True):
            while killed(command, chance.uniform(min(STARTING, duration / 2), LATEST[command[0]] * duration)):
                self._count(command)
                self.compare_files()
            self.compare_files()
        self.compare_ends()

    def _count(self, command: list[str]) -> None:
        trained = len(cells.finished(self.folder / "results")) == len(protocol.CONDITIONS)
        self.kills[command[0] if command[0] != "run-grid" else "export" if trained else "training"] += 1
        left = {
            path
            for path in self.folder.rglob("*")
            if path.name.startswith((f".{socket.gethostname()}.", "incomplete."))
        }
        self.writing += bool(left - self._left)
        self._left = left

    def compare_files(self) -> None:
        """With those of the undisturbed study, and what is finished with what it was."""
        self.compared["files"] += len(visible(self.folder))
        after = f"after {self.kills.total()} kills"
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


def run(kills: int, seed: int, scale: float, folder: Path) -> dict:
    """What kills.json is to hold, of `kills` kills or some more: no study is left undone."""
    archives, reference = folder / "archives", folder / "reference"
    stand_ins.write(protocol.phases("paper", scale)[PHASE], archives)
    durations = []
    for command in commands(archives, reference):
        started = time.monotonic()
        killed(command, None)
        durations.append(time.monotonic() - started)
    chance, studies = random.Random(seed), []
    while sum(study.kills.total() for study in studies) < kills:
        study = Study(folder / "disturbed", reference)
        study.make(archives, durations, chance)
        studies.append(study)
        say(f"study {len(studies)}: {dict(study.kills)}, {len(study.differences)} differences")
        shutil.rmtree(study.folder)
    return {"seed": seed, **summary(studies), "files_of_a_study": len(visible(reference))}


def summary(studies: list[Study]) -> dict:
    return {
        "kills": dict(sum((study.kills for study in studies), Counter())),
        "while_writing": sum(study.writing for study in studies),
        "studies": len(studies),
        "compared": dict(sum((study.compared for study in studies), Counter())),
        "differences": [difference for study in studies for difference in study.differences],
    }


@click.command()
@click.option("--kills", type=click.IntRange(1), default=100, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(kills: int, seed: int, results_dir: Path) -> None:
    """Kill, resume and compare, and write results/kills.json; half an hour on two cores."""
    with tempfile.TemporaryDirectory() as temporary:
        result = run(kills, seed, SCALE, Path(temporary))
    files.write_json(results_dir / "kills.json", result)
    if result["differences"]:
        raise SystemExit("a study that was killed differs from the undisturbed one")


if __name__ == "__main__":
    main()
