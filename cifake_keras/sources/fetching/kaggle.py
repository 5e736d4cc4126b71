"""Data sets and models on Kaggle, fetched by its own client, kagglehub (extra [kaggle])."""

import textwrap
from pathlib import Path

import requests

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources.fetching.download import Unavailable, reason

_LOGIN = "asks for a login (set KAGGLE_API_TOKEN to a token from https://www.kaggle.com/settings)"


def fetch_dataset(handle: str) -> Path:
    """The folder of the data set `handle` in kagglehub's cache (KAGGLEHUB_CACHE), fetched unless it exists.

    handle: owner/name/versions/number. Raises Unavailable, and UserError where kagglehub is not installed.
    """
    return _fetched("dataset_download", handle, ", or leave --kaggle out")


def fetch_model(handle: str) -> Path:
    """As `fetch_dataset`, of the model owner/name/framework/variation, with /version for one that is not the newest."""
    return _fetched("model_download", handle)


def _fetched(fetch: str, handle: str, otherwise: str = "") -> Path:
    """fetch: a function of kagglehub. otherwise: what else can be done where that is not installed."""
    try:
        import kagglehub
    except ImportError:
        raise UserError(
            f"kagglehub is not installed; install it with: pip install 'cifake-keras[kaggle]'{otherwise}."
        ) from None
    try:
        return Path(getattr(kagglehub, fetch)(handle))
    except Exception as error:  # its errors have no common base
        raise Unavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, requests.RequestException):
        return textwrap.shorten(str(error), 200).rstrip(".") or type(error).__name__
    wants_login = error.response is not None and error.response.status_code in (401, 403)
    return f"{reason(error)} and {_LOGIN}" if wants_login else reason(error)
