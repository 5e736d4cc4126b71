"""One file over HTTP: resumed where it was cut off, and renamed to its name only when it is whole and right."""

import re
import shutil
import time
from pathlib import Path

import requests

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, task

# Seconds before a second, third and fourth attempt.
PAUSES = (1, 4, 16)

# Seconds to wait for a connection, and for the next bytes.
PATIENCE = (10, 60)

_NO_ADDRESS = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.exceptions.TooManyRedirects)

_CHUNK = 2**16
_MB = 10**6


class Unavailable(Exception):
    """Why a file cannot be fetched: no network, no such file, or a server that gives up each time."""


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    digest: str | None = None,
    pauses: tuple[float, ...] = PAUSES,
    patience: tuple[float, float] = PATIENCE,
) -> None:
    """Fetches `url` to `target`, unless it exists.

    The bytes received stay in `<target>.part`, from which the next attempt, or the next call, goes on. size: in bytes;
    digest: SHA-256; checked where given. Raises Unavailable, and UserError where the disk is too small or the file is
    not the right one.
    """
    # Whoever wants the same file waits, and finds it there: two that wrote one part would mix them.
    with files.claim(target.with_name(f"{target.name}.claim")):
        if not target.exists():
            _fetch(url, target, size, digest, pauses, patience)


def _fetch(
    url: str,
    target: Path,
    size: int | None,
    digest: str | None,
    pauses: tuple[float, ...],
    patience: tuple[float, float],
) -> None:
    part = target.with_name(f"{target.name}.part")
    for pause in (*pauses, None):
        try:
            _go_on(url, part, patience)
            break
        except requests.RequestException as error:
            if pause is None or _is_final(error):
                raise Unavailable(reason(error)) from error
            say(f"{url}: {reason(error)}; trying again in {pause} s")
            time.sleep(pause)
    _verify(url, part, size, digest)
    _tag(part).unlink(missing_ok=True)
    part.rename(target)


def _go_on(url: str, part: Path, patience: tuple[float, float]) -> None:
    received = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if received and _tag(part).exists():
        headers |= {"Range": f"bytes={received}-", "If-Range": _tag(part).read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=patience) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # longer than what the server has
        response.raise_for_status()
        _refuse_encoded(response)
        start = _start(response) if response.status_code == requests.codes.partial_content else 0
        if start not in (0, received):
            raise requests.exceptions.InvalidHeader(f"a part from byte {start:,} on, not from {received:,}")
        _receive(response, part, start)


def _start(response: requests.Response) -> int:
    """The byte that a partial answer begins with, whatever was asked for. Raises RequestException where it hides it."""
    match = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
    if not match:
        raise requests.exceptions.InvalidHeader("a part of the file without its place")
    return int(match[1])


def _refuse_encoded(response: requests.Response) -> None:
    """A file was asked for as it is; encoded, a few bytes may expand without end."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise requests.exceptions.ContentDecodingError(f"the file came encoded ({encoding[:20]})")


def _receive(response: requests.Response, part: Path, start: int) -> None:
    """Writes the body to `part` from byte `start` on. Raises RequestException where the transfer is cut short."""
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if re.fullmatch(r"\d{1,20}", length) else None
    with open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        _require_space(part, total and total - start)
        _remember(response, part)
        with task(f"Fetching {part.stem} (MB)", total and total // _MB) as update:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                update(file.tell() // _MB)


def _tag(part: Path) -> Path:
    """Names the version that the part belongs to: a file that has changed since is fetched anew."""
    return part.with_name(f"{part.name}.etag")


def _remember(response: requests.Response, part: Path) -> None:
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):  # a weak one (W/) does not promise the same bytes
        _tag(part).write_text(tag)
    elif "Last-Modified" in response.headers:
        _tag(part).write_text(response.headers["Last-Modified"])
    else:
        _tag(part).unlink(missing_ok=True)


def _require_space(part: Path, needed: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed and needed > free:
        raise UserError(
            f"{part.stem} needs {needed / _MB:,.0f} MB more and {part.parent} has {free / _MB:,.0f} MB free; "
            "make room, or name a folder on another disk with --data-dir."
        )


def _is_final(error: requests.RequestException) -> bool:
    """Whether another attempt is useless: no web address; 4xx, but for a bad range, a time-out, too many requests."""
    if isinstance(error, _NO_ADDRESS):
        return True
    status = error.response.status_code if error.response is not None else 500
    return 400 <= status < 500 and status not in (408, 416, 429)


def reason(error: requests.RequestException) -> str:
    """The reason as a clause."""
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.exceptions.InvalidHeader | requests.exceptions.ContentDecodingError):
        return f"the server sends what was not asked for ({error})"
    if isinstance(error, _NO_ADDRESS):
        return f"it leads to what is no address on the web ({error})"
    return "there is no connection to the server"


def _verify(url: str, part: Path, size: int | None, digest: str | None) -> None:
    """Raises UserError, and deletes `part`, where its size or digest is another."""
    received = part.stat().st_size
    if size is not None and received != size:
        problem = f"{received:,} bytes instead of {size:,}"
    elif digest is not None and files.sha256(part) != digest:
        problem = f"with another SHA-256 than {digest}"
    else:
        return
    part.unlink()
    _tag(part).unlink(missing_ok=True)
    raise UserError(f"{url} came {problem}, and was deleted; run the command again, or give a right one with --from.")
