"""The card beside a SavedModel: its data, metrics, threshold, limits, and the digests of its files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cifake_keras.protocol import KERNELS, NATIVE, THRESHOLD
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError

MODEL_CARD = Path("assets.extra") / "model_card.json"
DIGESTS = "sha256"  # the card's key

# What the SavedModel takes and returns, for those who have it without the documentation: sizes, and what becomes of
# pictures in files.
_SIGNATURES = {
    "serving_default": "image: float32 [batch, {}, 3] in [0, 1], RGB in sRGB. probability_fake: float32 [batch].",
    "serve_bytes": "image_bytes: [batch] files, JPEG, PNG, WebP, GIF or BMP; {}. probability_fake: float32 [batch], "
    "NaN for a file that is refused. Upright by EXIF, transparency over white, of an animation the first frame. Colour "
    "profiles are ignored: convert images in other colour spaces to sRGB first.",
}
_SMALL = "32, 32", "those that are not 32x32 pixels are resized (see limits, reach)"
_NATIVE = (
    f"height, width (at least {NATIVE.least} each)",
    f"of each it sees the middle {NATIVE.side}x{NATIVE.side} pixels at most, of one whose shorter side has more than "
    f"{NATIVE.most:,} after halving",
)


def write(folder: Path, card: dict) -> None:
    """Adds the card, with the digests of all files that are in `folder` now, and what its signatures take."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MODEL_CARD)
    recorded = {path.relative_to(folder).as_posix(): files.sha256(path) for path in paths}
    said = zip(_SIGNATURES.items(), _NATIVE if is_native(card) else _SMALL, strict=True)
    signatures = {name: text.format(part) for (name, text), part in said}
    files.write_json(folder / MODEL_CARD, {**card, "signatures": signatures, DIGESTS: recorded})


def is_native(card: Mapping[str, Any]) -> bool:
    """Whether it is that of a detector of pictures as they are."""
    return card.get("classifier") == NATIVE.name


def read(folder: Path) -> dict:
    """The card without what `write` adds; empty where there is none. Raises UserError where it is damaged."""
    return {key: value for key, value in _read(folder).items() if key not in ("signatures", DIGESTS)}


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that the card records, by its path below `folder`; of none without a card."""
    return _read(folder).get(DIGESTS, {})


def check(folder: Path, only: Iterable[str] | None = None) -> None:
    """Raises UserError where a file, or one of `only`, differs from the card; without a card nothing is checked."""
    recorded = digests(folder)
    for name in recorded if only is None else recorded.keys() & set(only):
        if not (folder / name).is_file() or files.sha256(folder / name) != recorded[name]:
            raise UserError(f"{folder / name} is missing or damaged: the model card records another; get it anew.")


def _read(folder: Path) -> dict[str, Any]:
    """Empty where there is none. Raises UserError where it is not what this package writes."""
    path = folder / MODEL_CARD
    if not path.exists():
        return {}
    card = files.read_json(path)
    if wrong := _wrong(card):
        raise UserError(f"{path} is no model card of this package: {wrong}. Get the model anew, or export it again.")
    return card


def _wrong(card: Any) -> str | None:
    """The first thing that is not as this package writes it."""
    if not isinstance(card, dict):
        return "it is no JSON object"
    threshold, kernel, recorded = card.get("threshold", THRESHOLD), card.get("kernel", KERNELS[0]), card.get(DIGESTS)
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        return f"threshold is {threshold!r}, no probability"
    if not _are_verdicts(card.get("verdicts", [])):
        return "its verdicts are no rows of an error rate and two probabilities"
    if kernel not in KERNELS:
        return f"kernel is {str(kernel)[:40]!r}, none of {', '.join(KERNELS)}"
    if not all(isinstance(card.get(key, ""), str) for key in ("condition", "classifier")):
        return "condition and classifier are no names"
    if not isinstance(recorded, dict) or not all(isinstance(digest, str) for digest in recorded.values()):
        return f"{DIGESTS} does not list the digests of its files"
    return None


def _are_verdicts(rows: Any) -> bool:
    wanted = ("error_rate", "real_below", "fake_from")
    return isinstance(rows, list) and all(
        isinstance(row, dict) and all(_is_positive(row.get(name)) for name in wanted) for row in rows
    )


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and value >= 0
