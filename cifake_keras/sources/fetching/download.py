"""One file over HTTP: resumed where it was cut off, and renamed to its name only when it is whole and right."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3

from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, task

# Seconds before a second, third and fourth attempt.
PAUSES = (1, 4, 16)

# Seconds to wait for a connection, and for the next bytes.
PATIENCE = (10, 60)

# Bytes of a file of which no size is known: the largest of the study has a few hundred MB.
MOST = 2**34

_SHARE = 0.9  # of the free space, which a file of unknown length may fill
_SLOWEST = 1_000  # bytes a second; what is slower, as long as `PATIENCE`, is given up,
_LONGEST = 86_400  # and so is what takes a day

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
    most: int = MOST,
    pauses: tuple[float, ...] = PAUSES,
    patience: tuple[float, float] = PATIENCE,
) -> None:
    """Fetches `url` to `target`, unless it exists.

    The bytes received stay in `<target>.part`, from which the next attempt, or the next call, goes on. size: in bytes;
    digest: SHA-256; checked where given. most: bytes that are taken where no size is given. Raises Unavailable, and
    UserError where the disk is too small or the file is not the right one.
    """
    # Whoever wants the same file waits, and finds it there: two that wrote one part would mix them.
    with files.claim(target.with_name(f"{target.name}.claim")):
        if not target.exists():
            part = target.with_name(f"{target.name}.part")
            _require_space(part, size and size - _received(part))
            _fetch(url, part, most if size is None else size, pauses, patience)
            _verify(url, part, size, digest)
            _tag(part).unlink(missing_ok=True)
            part.rename(target)


def _fetch(url: str, part: Path, most: int, pauses: tuple[float, ...], patience: tuple[float, float]) -> None:
    for pause in (*pauses, None):
        try:
            return _go_on(url, part, most, patience)
        except requests.RequestException as error:
            if pause is None or _is_final(error):
                raise Unavailable(reason(error)) from error
            say(f"{url}: {reason(error)}; trying again in {pause} s")
            time.sleep(pause)


def _go_on(url: str, part: Path, most: int, patience: tuple[float, float]) -> None:
    received = _received(part)
    headers = {"Accept-Encoding": "identity"}
    if received and _tag(part).exists():
        headers |= {"Range": f"bytes={received}-", "If-Range": _tag(part).read_text()}
    with _asked(url, headers, patience) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # longer than what the server has
        response.raise_for_status()
        _refuse_encoded(response)
        start = _start(response) if response.status_code == requests.codes.partial_content else 0
        if start not in (0, received):
            raise requests.exceptions.InvalidHeader(f"a part from byte {start:,} on, not from {received:,}")
        _receive(response, part, start, most, patience[1])


def _asked(url: str, headers: dict[str, str], patience: tuple[float, float]) -> requests.Response:
    hooks = {"response": _drop_redirect}
    try:
        return requests.get(url, headers=headers, stream=True, timeout=patience, hooks=hooks)
    except requests.RequestException:
        raise
    except ValueError as error:  # of a redirect to what cannot be read as an address
        raise requests.exceptions.InvalidURL(str(error)) from error


def _received(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _drop_redirect(response: requests.Response, **_: object) -> None:
    """requests would read what comes with a redirect, however much that is, into memory."""
    if response.is_redirect:
        response.raw.close()


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


def _receive(response: requests.Response, part: Path, start: int, most: int, patience: float) -> None:
    """Writes the body to `part` from byte `start` on. Raises RequestException where the transfer is cut short."""
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if re.fullmatch(r"\d{1,20}", length) else None
    with open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        _require_space(part, total and total - start)
        most = min(most, start + int(_SHARE * shutil.disk_usage(part.parent).free)) if total is None else most
        _remember(response, part)
        with task(f"Fetching {part.stem} (MB)", total and total // _MB) as update:
            for piece in _pieces(response, patience):
                if max(total or 0, file.tell() + len(piece)) > most:
                    raise _too_long(response.url, part, most)
                file.write(piece)
                update(file.tell() // _MB)


def _pieces(response: requests.Response, patience: float) -> Iterator[bytes]:
    """The body as it comes. Raises RequestException where it breaks off, or comes so slowly that it might as well."""
    begun = since = time.monotonic()
    received = 0
    try:
        while piece := response.raw.read1(_CHUNK, decode_content=False):  # others wait for the whole piece
            yield piece
            received += len(piece)
            now = time.monotonic()
            if now - since > patience:
                if received < _SLOWEST * patience or now - begun > _LONGEST:
                    raise requests.Timeout
                since, received = now, 0
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError from error


def _too_long(url: str, part: Path, most: int) -> UserError:
    part.unlink()
    _tag(part).unlink(missing_ok=True)
    return UserError(
        f"{url} has more than {most:,} bytes, more than was announced or {part.parent} has room for, and was deleted; "
        "run the command again, name a folder on another disk with --data-dir, or give a right one with --from."
    )


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
