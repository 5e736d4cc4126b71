"""Cells of the grid and their folders: what is to be done, what is done. Imports no TensorFlow."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifake_keras import protocol
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

RUNS = "runs"  # below a results folder
CONFIG, HISTORY, PREDICTIONS, METRICS = "config.json", "history.csv", "predictions.csv", "metrics.json"
WEIGHTS = "model.weights.h5"
EXAMINATION, SCORES, DISPERSION = "examination", "scores.npz", "dispersion.csv"  # a folder in a cell's, and its files
CHECKPOINT, CURVES = "checkpoint.npz", "tensorboard"
PARTS = "parts"  # a folder in an examination's, until it is finished
DONE, UNFINISHED, ABSENT = "done", "unfinished", "to do"

# What metrics.json, which is written last, records the digests of.
_VOUCHED_FOR = (HISTORY, PREDICTIONS, WEIGHTS, SCORES, DISPERSION)


@dataclass(frozen=True)
class Cell:
    """One training run of the study."""

    phase: str
    condition: str
    classifier: str
    seed: int

    def __str__(self) -> str:
        return f"{self.phase} {self.condition} {self.classifier} seed {self.seed}"

    def folder(self, results_dir: Path) -> Path:
        return sweep_folder(results_dir, self).with_name(f"seed-{self.seed}")


def sweep_folder(results_dir: Path, cell: Cell) -> Path:
    """One sweep serves all seeds of a phase, condition and classifier."""
    return phase_folder(results_dir, cell.phase) / cell.condition / cell.classifier / "sweep"


def step_folder(results_dir: Path, phase: str, step: str, seed: int) -> Path:
    """One network of a step serves all cells of a phase that have its seed."""
    return phase_folder(results_dir, phase) / step / f"seed-{seed}"


def phase_folder(results_dir: Path, phase: str) -> Path:
    """Where the runs of a phase are kept."""
    return results_dir / RUNS / phase


def group_folder(sweep: Path, group: int) -> Path:
    """Of the candidates that are trained side by side in a sweep."""
    return sweep / f"group-{group}"


def finished(results_dir: Path, phase: str = "*", condition: str = "*", classifier: str = "*") -> list[Path]:
    """The folders of the finished cells, sorted by name."""
    return sorted(
        path.parent for path in (results_dir / RUNS).glob(f"{phase}/{condition}/{classifier}/seed-*/{METRICS}")
    )


def examined(results_dir: Path, phase: str, condition: str, classifier: str) -> list[Cell]:
    """The examined cells, by their seeds."""
    folder = phase_folder(results_dir, phase) / condition / classifier
    done = folder.glob(f"seed-*/{EXAMINATION}/{METRICS}")
    seeds = sorted(int(path.parents[1].name.removeprefix("seed-")) for path in done)
    return [Cell(phase, condition, classifier, seed) for seed in seeds]


def examination_folder(results_dir: Path, cell: Cell) -> Path:
    """Where what `examine` measures of a cell is kept."""
    return cell.folder(results_dir) / EXAMINATION


def claim(results_dir: Path, folder: Path) -> Path:
    """The lock file of the process that fills `folder`."""
    return results_dir / ".claims" / "-".join(folder.relative_to(results_dir / RUNS).parts)


def export_claim(results_dir: Path, phase: str) -> Path:
    """The lock file of the process that exports a phase."""
    return results_dir / ".claims" / f"{phase}-export"


def grid(
    phases: Iterable[str], conditions: Iterable[str], classifiers: Iterable[str], seeds: Iterable[int]
) -> list[Cell]:
    """Every cell of these, those of one classifier beside one another."""
    return [
        Cell(phase, condition, classifier, seed)
        for phase in phases
        for classifier in classifiers
        for condition in conditions
        for seed in seeds
    ]


def state(folder: Path) -> str:
    """Of a cell's folder: DONE, UNFINISHED or ABSENT."""
    if (folder / METRICS).exists():
        return DONE
    return UNFINISHED if folder.exists() else ABSENT


def is_done(folder: Path, config: dict, free: Iterable[str] = ()) -> bool:
    """Whether `folder` holds a finished run of `config`, but for the `free` settings.

    Raises UserError, naming the settings, where it was finished with others.
    """
    if state(folder) != DONE:
        return False
    recorded, wanted = _flat(read_config(folder)), _flat(config)
    keys = [key for key in wanted | recorded if key not in free]
    changed = [key for key in keys if wanted.get(key) != recorded.get(key)]
    if changed:
        listed = "; ".join(f"{key} is {recorded.get(key)} there, {wanted.get(key)} now" for key in changed[:4])
        more = f" (and {len(changed) - 4} more)" if len(changed) > 4 else ""
        raise UserError(
            f"{folder} was made with other settings: {listed}{more}. "
            "Use another --results-dir, or delete that folder to run it anew."
        )
    return True


def read_config(folder: Path) -> dict:
    """The settings that a folder's work was done with; those that earlier versions did not record are filled in."""
    with as_written(folder / CONFIG):
        return _completed(folder, dict(files.read_json(folder / CONFIG)))


def _completed(folder: Path, recorded: dict) -> dict:
    if "autoencoder" not in recorded:
        return recorded
    others = {key: value for key, value in recorded.items() if key != "autoencoder"}
    others |= {"scale": 1.0, "reading": next(iter(protocol.READINGS))}
    training = recorded["autoencoder"]
    if "condition" not in recorded:
        return others | {"step": _unrecorded(folder.name, training)}
    steps = [_unrecorded(step, training) for step in protocol.UNRECORDED_PATHS[recorded["condition"]]]
    return others | {"steps": steps}


def _unrecorded(step: str, training: dict | None) -> dict:
    """training: the hyper-parameters of the autoencoder."""
    described = protocol.UNRECORDED_STEPS[step]
    if "training" not in described:
        return described
    return described | {"training": described["training"] | {"hyperparameters": training}}


def read_metrics(folder: Path) -> dict[str, Any]:
    """What a piece of work in `folder` came to. Raises UserError where its metrics.json does not say."""
    with as_written(folder / METRICS):
        recorded = dict(files.read_json(folder / METRICS))
        float(recorded["seconds"])  # all that every piece of work records
    return recorded


@contextlib.contextmanager
def as_written(path: Path) -> Iterator[None]:
    """Raises UserError for what Python makes of a file in a folder of `runs` that holds something else, or is none."""
    files.require_file(path)
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(
            f"{path} is not what a finished run writes ({reason}); delete {path.with_name(METRICS)} and run again."
        ) from error


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of the files in `folder` that its metrics.json is to vouch for, by their names."""
    return {name: files.sha256(folder / name) for name in _VOUCHED_FOR if (folder / name).exists()}


def check_digests(folder: Path) -> None:
    """Raises UserError where a file in `folder` is not the one that its metrics.json was written with.

    Results of versions that recorded no digests are believed. A file may be missing, as in results that were copied.
    """
    recorded = read_metrics(folder)
    for name in recorded.keys() & set(_VOUCHED_FOR):
        path = folder / name
        # Whoever waits for other processes asks every two seconds whether all is done.
        if path.exists() and files.sha256_once(path) != recorded[name]:
            raise UserError(
                f"{path} has changed since it was written; put it back, or delete {folder / METRICS} and run again."
            )


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested settings as {"hyperparameters.epochs": 5, ...}."""
    if not isinstance(value, dict | list):
        return {prefix: value}
    items = value.items() if isinstance(value, dict) else _named(value)
    return {key: leaf for name, item in items for key, leaf in _flat(item, f"{prefix}.{name}".lstrip(".")).items()}


def _named(values: list) -> Iterator[tuple[object, object]]:
    """The values with their names, or else their places."""
    for place, value in enumerate(values):
        yield (value["name"] if isinstance(value, dict) and "name" in value else place), value


def trained_on(data: list[dict]) -> dict[str, int]:
    """The training images by source. data: a configuration's, or a model card's."""
    counts = {source["name"]: sum(source["splits"].get(protocol.TRAIN, {}).values()) for source in data}
    return {name: count for name, count in counts.items() if count}
