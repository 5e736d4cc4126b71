"""The card beside a SavedModel: its data, metrics, threshold, limits, and the digests of its files."""

from pathlib import Path

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

MODEL_CARD = Path("assets.extra") / "model_card.json"
DIGESTS = "sha256"  # the card's key


def write(folder: Path, card: dict) -> None:
    """Adds the card, with the digests of all files that are in `folder` now."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MODEL_CARD)
    digests = {path.relative_to(folder).as_posix(): files.sha256(path) for path in paths}
    files.write_json(folder / MODEL_CARD, {**card, DIGESTS: digests})


def read(folder: Path) -> dict:
    """The card without the digests; empty where there is none. Raises UserError where it is damaged."""
    if not (folder / MODEL_CARD).exists():
        return {}
    return {key: value for key, value in files.read_json(folder / MODEL_CARD).items() if key != DIGESTS}


def check(folder: Path, only: str | None = None) -> None:
    """Raises UserError where a file, or that one alone, differs from the card; without a card nothing is checked."""
    recorded = files.read_json(folder / MODEL_CARD)[DIGESTS] if (folder / MODEL_CARD).exists() else {}
    for name in recorded if only is None else recorded.keys() & {only}:
        if not (folder / name).is_file() or files.sha256(folder / name) != recorded[name]:
            raise UserError(f"{folder / name} is missing or damaged: the model card records another; get it anew.")
