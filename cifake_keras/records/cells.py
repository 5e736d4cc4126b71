"""Cells of the grid and their folders: what is to be done, what is done. Imports no TensorFlow."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

CONFIG, HISTORY, PREDICTIONS, METRICS = "config.json", "history.csv", "predictions.csv", "metrics.json"
WEIGHTS = "model.weights.h5"
EXAMINATION = "examination"  # a folder in a cell's
CHECKPOINT = "checkpoint.npz"
DONE, UNFINISHED, ABSENT = "done", "unfinished", "to do"


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
    return results_dir / "runs" / cell.phase / cell.condition / cell.classifier / "sweep"


def autoencoder_folder(results_dir: Path, phase: str) -> Path:
    """One autoencoder serves all cells of a phase."""
    return results_dir / "runs" / phase / "autoencoder"


def examination_folder(results_dir: Path, cell: Cell) -> Path:
    return cell.folder(results_dir) / EXAMINATION


def claim(results_dir: Path, folder: Path) -> Path:
    """The file that whoever works on what `folder` is to hold has claimed."""
    return results_dir / ".claims" / "-".join(folder.relative_to(results_dir / "runs").parts)


def grid(
    phases: Iterable[str], conditions: Iterable[str], classifiers: Iterable[str], seeds: Iterable[int]
) -> list[Cell]:
    return [
        Cell(phase, condition, classifier, seed)
        for phase in phases
        for classifier in classifiers
        for condition in conditions
        for seed in seeds
    ]


def state(folder: Path) -> str:
    if (folder / METRICS).exists():
        return DONE
    return UNFINISHED if folder.exists() else ABSENT


def is_done(folder: Path, config: dict) -> bool:
    """Whether `folder` holds a finished run of `config`.

    Raises UserError, naming the settings, where it was finished with others.
    """
    if state(folder) != DONE:
        return False
    found = _flat(files.read_json(folder / CONFIG))
    wanted = _flat(config)
    changed = [key for key in wanted | found if wanted.get(key) != found.get(key)]
    if changed:
        told = "; ".join(f"{key} is {found.get(key)} there, {wanted.get(key)} now" for key in changed[:4])
        more = f" (and {len(changed) - 4} more)" if len(changed) > 4 else ""
        raise UserError(
            f"{folder} was made with other settings: {told}{more}. "
            "Use another --results-dir, or delete that folder to run it anew."
        )
    return True


def check_weights(folder: Path) -> None:
    """Raises UserError where the weights in `folder` are not those whose digest was recorded with its metrics.

    Results of versions that recorded none are believed.
    """
    recorded = files.read_json(folder / METRICS).get(WEIGHTS)
    if recorded and files.sha256(folder / WEIGHTS) != recorded:
        raise UserError(f"{folder / WEIGHTS} is not what was trained; delete {folder / METRICS} to train it anew.")


def _flat(value, prefix: str = "") -> dict[str, object]:
    """Nested settings as {"hyperparameters.epochs": 5, ...}."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = (
            (item["name"] if isinstance(item, dict) and "name" in item else i, item) for i, item in enumerate(value)
        )
    else:
        return {prefix: value}
    return {key: leaf for name, item in items for key, leaf in _flat(item, f"{prefix}.{name}".lstrip(".")).items()}


def trained_on(data: list[dict]) -> dict[str, int]:
    """The training images by source. data: a configuration's, or a model card's."""
    counts = {source["name"]: sum(source["splits"].get("train", {}).values()) for source in data}
    return {name: count for name, count in counts.items() if count}
