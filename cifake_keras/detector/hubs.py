"""Detectors on Hugging Face and Kaggle, fetched by the clients of those, into their caches.

Of what is fetched only the LiteRT file is run, which can do nothing but compute; weights are read to explain. The
SavedModel, which could do more, is for those who trust its maker, and is loaded from a folder alone.
"""

import importlib
import textwrap
from pathlib import Path

from cifake_keras.detector import litert, model_card
from cifake_keras.runtime.errors import UserError

HUGGING_FACE, KAGGLE = "hf://", "kaggle://"

_WEIGHTS = "variables/"  # of the SavedModel


def is_address(model: str) -> bool:
    """Whether a model is named by its place on Hugging Face or Kaggle, not by a path."""
    return model.startswith((HUGGING_FACE, KAGGLE))


def require_client() -> None:
    """Raises UserError where huggingface_hub is not installed."""
    try:
        importlib.import_module("huggingface_hub")
    except ImportError:
        raise UserError(
            "huggingface_hub is not installed; install it with: pip install 'cifake-keras[huggingface]'."
        ) from None


def fetch(address: str) -> Path:
    """The LiteRT file of a published detector, with its model card and its weights beside it.

    address: hf://USER/NAME, with @REVISION for one that is not the newest; or kaggle://OWNER/MODEL/FRAMEWORK/VARIATION,
    with /VERSION. Without a network it is the one that was fetched before; on Kaggle, where VERSION is given.
    Raises UserError where it cannot be fetched, is not a detector as `repository.write` writes it, or is damaged.
    """
    if address.startswith(KAGGLE):
        folder = cached = _from_kaggle(address)
    else:
        folder = _from_hugging_face(address)
        cached = folder.parents[1]  # where files are kept that snapshots refer to
    recorded = [name for name in model_card.digests(folder) if name == litert.FILE or name.startswith(_WEIGHTS)]
    if litert.FILE not in recorded:
        raise UserError(f"{address} is no detector: its {model_card.MODEL_CARD} is missing, or names no {litert.FILE}.")
    try:
        model_card.check(folder, recorded)
    except UserError as error:
        again = f"Delete {cached} to fetch it anew; if that does not help, tell its owner."
        raise UserError(f"{address} is not as it was published: {error} {again}") from error
    return folder / litert.FILE


def upload(folder: Path, address: str) -> str:
    """Adds a folder's files to the repository at hf://USER/NAME, which is made where there is none, as one commit.

    Returns the commit's page. Raises UserError where that fails, as without a token that may write there.
    """
    name = address.removeprefix(HUGGING_FACE)
    require_client()
    from huggingface_hub import CommitOperationAdd, HfApi

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    added = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
    try:
        api = HfApi()
        api.create_repo(name, exist_ok=True)
        return api.create_commit(name, added, commit_message="Detector of cifake-keras").commit_url
    except Exception as error:  # its errors have no common base
        raise UserError(f"{address} cannot be written to: {_reason(error)}.") from error


def _from_hugging_face(address: str) -> Path:
    name, _, revision = address.removeprefix(HUGGING_FACE).partition("@")
    require_client()
    from huggingface_hub import snapshot_download

    wanted = [litert.FILE, model_card.MODEL_CARD.as_posix(), f"{_WEIGHTS}*"]
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=wanted))
    except Exception as error:  # its errors have no common base
        raise UserError(f"{address} cannot be fetched: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    from huggingface_hub import errors

    is_absent = isinstance(error, errors.LocalEntryNotFoundError)  # from the cache; why it was needed is the cause
    cause = error.__cause__ if is_absent else error
    status = cause.response.status_code if isinstance(cause, errors.HfHubHTTPError) else None
    if isinstance(cause, errors.RevisionNotFoundError):
        return "it has no such revision"
    if status in (401, 403, 404):
        return "there is no such repository, or it asks for a login (hf auth login, or HF_TOKEN)"
    if status:
        return f"the server answers {status}"
    if is_absent:
        return "the server cannot be reached, and it was not fetched before"
    return textwrap.shorten(str(error), 200).rstrip(".") or type(error).__name__


def _from_kaggle(address: str) -> Path:
    from cifake_keras.sources.fetching import kaggle
    from cifake_keras.sources.fetching.download import Unavailable

    try:
        return kaggle.fetch_model(address.removeprefix(KAGGLE))
    except Unavailable as error:
        raise UserError(f"{address} cannot be fetched: {error}.") from error
