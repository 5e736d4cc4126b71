"""A server that answers each case as a rule says, and the cases: what is fetched from it is right, or refused."""

import contextlib
import gzip
import itertools
import json
import multiprocessing
import random
import socketserver
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile_archives
from sandbox import Case

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources.fetching.download import Unavailable, download

CONTENT = b"content" * 1_000
WRITTEN = "written"
_MOST = 2**20  # bytes that are taken of a file of unknown length
_PATIENCE = (1.0, 1.0)  # seconds
_DIGITS = "1" * 5_000
_ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\r"

# Of a request: its path and its headers. Gives the answer to the byte, piece by piece.
Answer = Callable[[str, bytes], Iterator[bytes]]


class Server(socketserver.ThreadingTCPServer):
    """Answers as `answers` says for the first part of a path, in a process of its own."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        process = multiprocessing.get_context("fork").Process(target=self.serve_forever, daemon=True)
        process.start()
        try:
            yield
        finally:
            process.kill()
            process.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """The other end has had enough."""


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        path = self.rfile.readline(2**16).split()[1].decode()
        headers = b"".join(iter(lambda: self.rfile.readline(2**16), b"\r\n"))
        for piece in self.server.answers[path.split("/")[1]](path, headers):
            self.wfile.write(piece)


def response(status: str = "200 OK", *headers: str, body: bytes = CONTENT, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def always(answer: bytes) -> Answer:
    return lambda path, headers: iter([answer])


# --- Rules: each yields the names of its kinds with their answers


def statuses(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    """Every status of note, with a reason and a body of a kind."""
    reasons = ("Reason", "", _ESCAPES, "long " * 5_000, "\xff\xfe")
    bodies = (b"", b"<html>no</html>", CONTENT, bytes(2**22))
    codes = [101, 199, 204, 205, 206, 299, 300, 304, 305, 306, *range(400, 419), 421, 423, 425, 426, 429, 431, 451]
    for code in [*codes, *range(500, 509), 511, 520, 599, 600, 999]:
        reason, body = rng.choice(reasons), rng.choice(bodies)
        yield f"{code} {reason[:8]!r} {len(body)}", always(response(f"{code} {reason}", body=body))


def status_lines(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    lines = ["", "HELLO", "HTTP/9.9 200 OK", "HTTP/1.1", "HTTP/1.1 abc OK", "HTTP/1.1 -1 OK", f"HTTP/1.1 {_DIGITS} OK"]
    lines += [
        "HTTP/1.1 99999 OK",
        "\0" * 100,
        "SSH-2.0-OpenSSH_9.6",
        "x" * 70_000,
        "HTTP/1.1 20\x1b[31m0 OK",
        "HTTP/1.1 \uff12\uff10\uff10",
    ]
    for line in lines:
        yield repr(line[:24]), always(f"{line}\r\nContent-Length: 7\r\n\r\ncontent".encode())


def redirects(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    places = [
        "file:///etc/hostname",
        "file:secret",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/x",
        "data:,x",
        "javascript:x",
    ]
    places += [
        "",
        "//",
        "http://",
        "http:///x",
        "http://[::1",
        "http://[x]/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
    ]
    places += [
        "http://127.0.0.1:1/",
        "http://a@b:c@127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "..",
        "?",
        "#",
        "%",
        "%00",
        "\x80\xff",
    ]
    places += [
        "x" * 60_000,
        "http://" + "a." * 200 + "invalid/",
        "http://.invalid/",
        "http://a\\b/",
        _ESCAPES,
        "HTTP:x",
        "http:x",
    ]
    for place in places:
        code = rng.choice([301, 302, 303, 307, 308])
        yield f"{code} {place[:24]!r}", always(response(f"{code} Moved", f"Location: {place}"))
    for code in (301, 308):
        yield f"{code} to itself", lambda path, headers, code=code: iter([response(f"{code} x", f"Location: {path}")])
        yield (
            f"{code} ever longer",
            lambda path, headers, code=code: iter([response(f"{code} x", f"Location: {path}/x")]),
        )


def lengths(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    """What it says of the length of 7,000 bytes."""
    values = ["abc", "-1", "-7000", "0", "1", "6999", "7001", "1000000000000000", str(2**64), _DIGITS, "7000, 7000"]
    values += [
        "7000, 1",
        "+7000",
        "0x10",
        "1e3",
        "7_000",
        " ",
        "7000.0",
        "٣",
        "\xb2",
        "7000\x00",
        "7000\r\nContent-Length: 1",
    ]
    for value in values:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {value}\r\nConnection: close\r\n\r\n"
        yield repr(value[:24]), always(head.encode() + CONTENT)
    sizes = ["zz", "-1", "f" * 16, "f" * 5_000, "", "0", "1b58;" + "x" * 70_000, "1b58\r\ncontent"]
    for size, coding in itertools.product(sizes, ["chunked"]):
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n{size}\r\n"
        yield f"{coding} {size[:16]!r}", always(head.encode() + CONTENT + b"\r\n0\r\n\r\n")


def headers(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    values = {
        "nothing": "",
        "escapes": _ESCAPES,
        "long": "x" * 60_000,
        "bytes": '"\xff\xfe"',
        "NUL": '"\0"',
        "quote": '"',
    }
    for name, (kind, value) in itertools.product(
        ["ETag", "Last-Modified", "Set-Cookie", "Content-Type"], values.items()
    ):
        yield f"{name} {kind}", always(response("200 OK", f"{name}: {value}"))
    yield "too many", always(response("200 OK", *(f"X-{i}: 1" for i in range(200))))
    yield "too long", always(response("200 OK", f"X: {'x' * 70_000}"))
    yield "no colon", always(response("200 OK", "nonsense", "\x1b[31m"))


def ranges(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    """What it says of the place of the part that it sends, when 700 bytes are there."""
    values = ["", "bytes", "bytes 0-", "bytes 699-6999/7000", "bytes 700-", "bytes 700-1/7000", "bytes 701-6999/7000"]
    values += [
        "bytes -700",
        "bytes abc",
        f"bytes {_DIGITS}-",
        f"bytes {2**63}-",
        "items 700-6999/7000",
        "bytes */7000",
        _ESCAPES,
    ]
    for value, length in itertools.product(values, (True, False)):
        answer = response("206 Partial", f"Content-Range: {value}", body=CONTENT[700:], length=length)
        yield f"{value[:24]!r} {length}", always(answer)


def encodings(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    bomb = gzip.compress(bytes(2**28), 1)
    names = [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, gzip",
        "identity, gzip",
        "GZIP",
        "x" * 1_000,
        _ESCAPES,
    ]
    for name, body in itertools.product(names, (bomb, CONTENT)):
        yield f"{name[:16]!r} {len(body)}", always(response("200 OK", f"Content-Encoding: {name}", body=body))


def bodies(rng: random.Random) -> Iterator[tuple[str, Answer]]:
    """Without end, without haste, and cut off."""
    head = response("200 OK", body=b"", length=False)

    def drip(path: str, headers: bytes) -> Iterator[bytes]:
        yield head
        while True:
            yield b"x"
            time.sleep(0.05)

    def stall(path: str, headers: bytes) -> Iterator[bytes]:
        yield response()[:-700]
        time.sleep(30)

    yield "endless", lambda path, headers: itertools.chain([head], itertools.repeat(bytes(2**16)))
    claimed = response("200 OK", "Content-Length: 7", body=b"", length=False)
    yield "endless, of 7 bytes", lambda path, headers: itertools.chain([claimed], itertools.repeat(bytes(2**16)))
    chunk = b"10000\r\n" + bytes(2**16) + b"\r\n"
    chunked = response("200 OK", "Transfer-Encoding: chunked", body=b"", length=False)
    yield "endless chunks", lambda path, headers: itertools.chain([chunked], itertools.repeat(chunk))
    yield "dripping", drip
    yield "stalling", stall
    yield "silence", lambda path, headers: (time.sleep(30) for _ in range(1))
    for share in (0, 0.01, rng.random(), 0.99):
        yield f"cut at {share:.2f}", always(response()[: int(share * len(response()))])


FETCHING = (statuses, status_lines, redirects, lengths, headers, ranges, encodings, bodies)


# --- Lists of a folder on Hugging Face


def listings(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    whole = [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "[null]",
        "[[]]",
        "[1, true]",
        "[{}]",
        '{"error": "gated"}',
        "[" * 100_000,
    ]
    whole += [_DIGITS, f"[{_DIGITS}]", "NaN", "[1e999]", "\ufeff[]", "<html>", "[" + " " * 2**23 + "]", '["\\ud800"]']
    yield from ((repr(text[:16]), text.encode()) for text in whole)
    yield "UTF-16", json.dumps([entry()]).encode("utf-16")
    strange = [None, [], {}, -1, 0, True, 1.5, float("nan"), 2**70, "", "x", "\0", "\ud800", _ESCAPES]
    for key, value in itertools.product(("path", "size", "lfs", "type"), strange):
        yield f"{key} {str(value)[:16]!r}", json.dumps([entry() | {key: value}]).encode()
    for value in (None, [], 1, "", "x" * 64, "0" * 64, "A" * 64, "0" * 2**20):
        yield f"oid {str(value)[:16]!r}", json.dumps([entry() | {"lfs": {"oid": value}}]).encode()
    names = [
        "../../../entered",
        "/var/entered",
        "a/../..",
        "..",
        "C:\\entered",
        "a\0b",
        "\u202egzip",
        "x" * 300,
        "-rf",
        ".hidden",
        "CON",
    ]
    for name in names:
        yield f"part {name[:16]!r}", json.dumps([entry() | {"path": f"{name}.tar.gz.0"}]).encode()
    for number in ("-1", "9" * 7, _DIGITS, "٣", "1e9", ""):
        yield f"number {number[:16]!r}", json.dumps([entry() | {"path": f"a.tar.gz.{number}"}]).encode()
    yield "many", json.dumps([entry()] * 20_000).encode()


def entry() -> dict:
    return {"type": "file", "path": "ImageData/val/a/a.tar.gz.0", "size": len(hostile_archives.TAR)}


def of_parts(listing: bytes, part: bytes) -> Answer:
    """Gives the list of a folder, and one part whatever its name."""
    return lambda path, headers: iter([response(body=listing if "/tree/" in path else part)])


# --- Cases


def cases(server: Server, rng: random.Random) -> Iterator[Case]:
    """The cases of all rules; the server gets their answers."""
    for rule in FETCHING:
        for name, answer in rule(rng):
            yield _fetching(server, rule.__name__.replace("_", " "), name, answer)
    for name, listing in listings(rng):
        yield _parts(server, "listings", name, of_parts(listing, hostile_archives.TAR))
    for name, part in hostile_archives.tars(rng):
        listing = json.dumps([entry() | {"size": len(part)}]).encode()
        yield _parts(server, "tar archives", name, of_parts(listing, part))


def _fetching(server: Server, rule: str, name: str, answer: Answer) -> Case:
    url = f"{server.address}/{_number(server, answer)}/x.zip"

    def fetch() -> None:
        try:
            download(url, Path(WRITTEN, "x.zip"), most=_MOST, pauses=(), patience=_PATIENCE)
        except Unavailable as error:
            raise UserError(str(error)) from error

    return Case(rule, name, fetch, _begun if rule == "ranges" else _empty, (WRITTEN,))


def _begun(folder: Path, secret: Path) -> None:
    _empty(folder, secret)
    (folder / WRITTEN / "x.zip.part").write_bytes(CONTENT[:700])
    (folder / WRITTEN / "x.zip.part.etag").write_text('"tag"')


def _empty(folder: Path, secret: Path) -> None:
    (folder / WRITTEN).mkdir()


def _parts(server: Server, rule: str, name: str, answer: Answer) -> Case:
    mirror = f"{server.address}/{_number(server, answer)}"
    command = ("data", "prepare", "image_folder", "--generator", "CogView2", "--mirror", mirror, "--data-dir", WRITTEN)
    return Case(rule, name, command, _empty, (WRITTEN,))


def honest() -> Answer:
    return of_parts(json.dumps([entry()]).encode(), hostile_archives.TAR)


def _number(server: Server, answer: Answer) -> str:
    number = str(len(server.answers))
    server.answers[number] = answer
    return number
