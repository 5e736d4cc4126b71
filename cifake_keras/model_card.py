"""What lies beside a SavedModel about it: data, metrics, threshold, limits, and the digests of its files."""

from pathlib import Path

from cifake_keras import files
from cifake_keras.errors import UserError

MODEL_CARD = Path("assets.extra") / "model_card.json"
DIGESTS = "sha256"  # the card's key


def write(folder: Path, card: dict) -> None:
    """Adds the card, with the digests of all that is in `folder` now."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MODEL_CARD)
    digests = {path.relative_to(folder).as_posix(): files.sha256(path) for path in found}
    files.write_json(folder / MODEL_CARD, {**card, DIGESTS: digests})


def read(folder: Path) -> dict:
    """Without the digests. Raises UserError where it is damaged, FileNotFoundError where there is none."""
    return {key: value for key, value in files.read_json(folder / MODEL_CARD).items() if key != DIGESTS}


def check(folder: Path, names: list[str]) -> None:
    """Raises UserError where files of `folder` are not those that the card was written for."""
    recorded = files.read_json(folder / MODEL_CARD).get(DIGESTS, {})
    for name in names:
        if not (folder / name).exists() or files.sha256(folder / name) != recorded.get(name):
            raise UserError(
                f"{folder / name} is missing or damaged: its digest is not the model card's; install it anew."
            )
