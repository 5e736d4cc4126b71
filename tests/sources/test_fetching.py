"""Fetching from a real server on loopback: what comes is right and whole, or one sentence says what to do."""

import contextlib
import gzip
import hashlib
import io
import itertools
import json
import random
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import REAL_DATA, as_kaggles_client, cifake_members, command, picture, write_zip

from cifake_keras.protocol import SOURCES, Weights
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading
from cifake_keras.sources.fetching import multipart, origins
from cifake_keras.sources.fetching.download import Unavailable, download
from cifake_keras.sources.fetching.multipart import fetch_images

CONTENT = random.Random(1).randbytes(1_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ETAG = '"first"'


class Server(ThreadingHTTPServer):
    """Serves `files` by path, or misbehaves as told.

    cut: closes the connection after so many bytes, `cuts` times. stall: sends half and then nothing. ranges, length:
    whether it knows Range, and tells Content-Length. claimed: a length that is not so. part_of: the byte from which it
    sends a part, whatever it is asked for. encoding: what it says of the content. slow: seconds before it answers.
    redirect: where it sends everyone. drip: seconds between a byte and the next. more: bytes that it sends after the
    content, of which it tells no length.
    requests: (path, first byte).
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.etag = files, ETAG
        self.cut, self.cuts, self.stall, self.ranges, self.length, self.claimed = None, 1, False, True, True, None
        self.failures: list[int] = []
        self.part_of, self.encoding, self.slow, self.redirect = None, None, 0.0, None
        self.drip, self.more = 0.0, 0
        self.requests: list[tuple[str, int]] = []
        self.released = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        server, path = self.server, self.path
        if server.failures:
            return self.send_error(server.failures.pop(0))
        if path not in server.files:
            return self.send_error(404)
        if server.redirect:
            server.requests.append((path, 0))
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.end_headers()
            return self._send(b"")
        content, start = server.files[path], 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(asked[1])
        partial = bool(start)
        start = start if server.part_of is None or not partial else server.part_of
        server.requests.append((path, start))
        server.released.wait(server.slow)
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if server.encoding:
            self.send_header("Content-Encoding", server.encoding)
        self.send_header("ETag", server.etag)
        if server.length:
            self.send_header("Content-Length", str(server.claimed or len(content) - start))
        self.end_headers()
        self._send(content[start:])

    def _send(self, content: bytes):
        if self.server.drip:
            for byte in content:
                if self.server.released.wait(self.server.drip):
                    return
                self.wfile.write(bytes([byte]))
        elif self.server.stall:
            self.wfile.write(content[: len(content) // 2])
            self.server.released.wait(30)
        elif self.server.cut and self.server.cuts:
            self.server.cuts -= 1
            self.wfile.write(content[: self.server.cut])
        else:
            self.wfile.write(content)
            with contextlib.suppress(OSError):  # the other end has had enough
                for _ in range(self.server.more // len(CONTENT)):
                    self.wfile.write(CONTENT)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(files: dict[str, bytes]):
    server = Server(files)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server():
    with serving({"/x.zip": CONTENT}) as server:
        yield server


@contextlib.contextmanager
def memory_below(limit: int):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def fetch(server: Server, target: Path, pauses=(), patience=(5, 5), **options) -> Path:
    download(f"{server.address}/x.zip", target, pauses=pauses, patience=patience, **options)
    return target


def test_a_file_for_which_there_is_no_room_is_not_asked_for(server, tmp_path):
    server.length = False
    with pytest.raises(UserError, match=r"x\.zip needs 1,000,000,000,000 MB more and .* has [\d,]+ MB free"):
        fetch(server, tmp_path / "x.zip", size=10**18)
    assert server.requests == []


def test_clean_and_then_not_again(server, tmp_path):
    for _ in range(2):
        fetch(server, tmp_path / "below" / "x.zip", size=len(CONTENT), digest=DIGEST)
    assert {path.name: path.read_bytes() for path in (tmp_path / "below").iterdir()} == {"x.zip": CONTENT}
    assert len(server.requests) == 1


def test_cut_off_and_resumed_in_one_call_or_the_next(server, tmp_path):
    server.cut, server.cuts = 400_000, 2
    with pytest.raises(Unavailable, match="broke off"):
        fetch(server, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()
    fetch(server, tmp_path / "x.zip", pauses=(0,), digest=DIGEST)
    starts = [start for _, start in server.requests]
    assert starts[0] == 0 and 300_000 < starts[1] <= 400_000 and 700_000 < starts[2] <= 800_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_a_part_from_the_beginning_is_not_appended(server, tmp_path):
    """Some servers answer a request for the rest with all of it, and call that a part."""
    server.cut, server.part_of = 400_000, 0
    fetch(server, tmp_path / "x.zip", pauses=(0,), digest=DIGEST)
    assert [start for _, start in server.requests] == [0, 0]


def test_a_part_from_another_place_is_refused(server, tmp_path):
    server.cut, server.part_of = 400_000, 17
    with pytest.raises(Unavailable, match="sends what was not asked for"):
        fetch(server, tmp_path / "x.zip", pauses=(0,))
    assert not (tmp_path / "x.zip").exists()


def test_encoded_content_is_refused(server, tmp_path):
    server.encoding = "gzip"
    with pytest.raises(Unavailable, match=r"the file came encoded \(gzip\)"):
        fetch(server, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_no_number_is_not_believed(server, tmp_path):
    server.claimed = "abc"
    server.length = True
    fetch(server, tmp_path / "x.zip", digest=DIGEST)


@pytest.mark.parametrize(
    "place", ["file:///etc/hostname", "http://[::1", "http://[x]/", "http://.invalid/", "\x80\xff"]
)
def test_a_redirect_that_leaves_the_web_is_named_and_not_tried_again(server, tmp_path, place):
    server.redirect = place
    with pytest.raises(Unavailable, match="leads to what is no address on the web"):
        fetch(server, tmp_path / "x.zip", pauses=(0, 0))
    assert len(server.requests) == 1 and list(tmp_path.iterdir()) == []


def test_two_that_fetch_one_file_do_not_mix_their_parts(server, tmp_path):
    """Against a server that knows no Range, so that each would begin at the first byte."""
    server.ranges, server.slow = False, 0.5
    program = "import sys; from pathlib import Path; from cifake_keras.sources.fetching.download import download\n"
    line = [sys.executable, "-c", program + "download(sys.argv[1], Path(sys.argv[2]))"]
    fetches = [subprocess.Popen([*line, f"{server.address}/x.zip", tmp_path / "x.zip"]) for _ in range(2)]
    assert [one.wait(timeout=60) for one in fetches] == [0, 0]
    assert (tmp_path / "x.zip").read_bytes() == CONTENT and len(server.requests) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize("changed", [{"ranges": False}, {"etag": '"second"'}])
def test_started_anew_where_it_cannot_go_on(server, tmp_path, changed):
    """A server that does not know Range, and a file that is another one by now."""
    server.cut = 400_000
    with pytest.raises(Unavailable):
        fetch(server, tmp_path / "x.zip")
    vars(server).update(changed)
    server.files["/x.zip"] = CONTENT[::-1]
    assert fetch(server, tmp_path / "x.zip").read_bytes() == CONTENT[::-1]


def test_more_than_the_server_has_is_fetched_anew(server, tmp_path):
    (tmp_path / "x.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "x.zip.part.etag").write_text(ETAG)
    server.failures = [416]
    assert fetch(server, tmp_path / "x.zip", pauses=(0,)).read_bytes() == CONTENT


def test_busy_server_is_asked_again(server, tmp_path):
    server.failures = [503, 429]
    assert fetch(server, tmp_path / "x.zip", pauses=(0, 0)).read_bytes() == CONTENT


@pytest.mark.parametrize("expected", [{"digest": DIGEST}, {"size": len(CONTENT)}])
def test_what_is_wrong_is_deleted(server, tmp_path, expected):
    server.files["/x.zip"] = CONTENT[:-1]
    with pytest.raises(UserError, match=r"/x\.zip came .* and was deleted; run the command again"):
        fetch(server, tmp_path / "x.zip", **expected)
    assert list(tmp_path.iterdir()) == []


def test_too_large_for_the_disk_is_not_begun(server, tmp_path):
    server.claimed = 10**18
    with pytest.raises(UserError, match=r"x\.zip needs 1,000,000,000,000 MB more .* free; make room"):
        fetch(server, tmp_path / "x.zip")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100


def test_stalling_server_is_given_up(server, tmp_path):
    server.stall = True
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer in time"):
        fetch(server, tmp_path / "x.zip", patience=(5, 0.3))
    assert time.monotonic() - begun < 20 and not (tmp_path / "x.zip").exists()


def test_dripping_server_is_given_up(server, tmp_path):
    """Each byte comes in time, and all of them in a day."""
    server.drip = 0.05
    released = threading.Timer(15, server.released.set)
    released.start()
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer in time"):
        fetch(server, tmp_path / "x.zip", patience=(5, 0.5))
    assert time.monotonic() - begun < 10
    released.cancel()


@pytest.mark.parametrize("expected, most", [({"size": 1_000_000}, 1_000_000), ({"most": 2_000_000}, 2_000_000)])
def test_more_than_was_announced_is_not_written(server, tmp_path, expected, most):
    server.length, server.more = False, 2**26
    with pytest.raises(UserError, match=rf"x\.zip has more than {most:,} bytes.*, and was deleted; run"):
        fetch(server, tmp_path / "x.zip", **expected)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_length_leaves_room_on_the_disk(server, tmp_path, monkeypatch):
    server.length = False
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, 10**6))
    with pytest.raises(UserError, match=r"more than 900,000 bytes, .* has room for"):
        fetch(server, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_what_comes_with_a_redirect_is_not_read(server, tmp_path):
    server.more = 2**27
    with serving({"/x.zip": CONTENT}) as other, memory_below(2**25):
        server.redirect = f"{other.address}/x.zip"
        assert fetch(server, tmp_path / "x.zip", digest=DIGEST).exists()


def test_absent_file_and_absent_network(server, tmp_path):
    with pytest.raises(Unavailable, match="404 Not Found"):
        download(f"{server.address}/y.zip", tmp_path / "y.zip", pauses=(60,))
    server.server_close()
    with pytest.raises(Unavailable, match="no connection"):
        fetch(server, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


# --- Archives in parts

FOLDER = "ImageData/val/set"


def parts(images: int, cuts: int, top: str = "") -> dict[str, bytes]:
    """Hugging Face's listing, and an archive of `images` cut at arbitrary bytes; below `top`, as a mirror has it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for i in range(images):
            content = picture(i, True, 96)
            member = tarfile.TarInfo(f"set/{i:03d}.png")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    bounds = [0, *sorted(random.Random(2).sample(range(1, len(content)), cuts - 1)), len(content)]
    pieces = {f"{FOLDER}/set.tar.gz.{i}": content[a:b] for i, (a, b) in enumerate(itertools.pairwise(bounds))}
    listing = [
        {"path": path, "size": len(piece), "lfs": {"oid": hashlib.sha256(piece).hexdigest()}}
        for path, piece in sorted(pieces.items())
    ]
    listing.append({"path": f"{FOLDER}/README.md", "size": 1})
    files = {f"{top}/datasets/own/set/resolve/main/{path}": piece for path, piece in pieces.items()}
    return files | {f"{top}/api/datasets/own/set/tree/main/{FOLDER}": json.dumps(listing).encode()}


def fetch_set(server: Server, target: Path, count: int) -> dict[str, bytes]:
    fetch_images(server.address, "own/set", FOLDER, count, target)
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_parts_are_one_archive(tmp_path):
    """Twelve, so that .10 comes after .9."""
    with serving(parts(40, 12)) as server:
        found = fetch_set(server, tmp_path / "set.zip", 40)
    assert found == {f"set/{i:03d}.png": picture(i, True, 96) for i in range(40)}
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_only_the_parts_that_are_needed_are_asked_for(tmp_path):
    with serving(parts(400, 12)) as server:
        assert len(fetch_set(server, tmp_path / "set.zip", 5)) == 5
        asked = [path for path, _ in server.requests if "/resolve/" in path]
        assert 1 <= len(asked) < 6 and [path[-2:] for path in asked] == [f".{i}" for i in range(len(asked))]


def test_a_part_is_deleted_once_read(tmp_path):
    files = parts(40, 3)
    absent = next(path for path in files if path.endswith(".2"))
    del files[absent]
    with serving(files) as server, pytest.raises(Unavailable, match="404"):
        fetch_set(server, tmp_path / "set.zip", 40)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_fewer_images_than_wanted_are_told(tmp_path, capsys):
    with serving(parts(10, 2)) as server:
        assert len(fetch_set(server, tmp_path / "set.zip", 40)) == 10
    assert "has 10 images of the 40 wanted" in capsys.readouterr().err


class Zeros:
    """As many bytes as they are asked for."""

    def read(self, count: int) -> bytes:
        return bytes(count)


def test_a_member_that_expands_too_far_is_refused_without_being_held(tmp_path, capsys):
    """An eighth of a GB of zeros, first of three, is less than a MB in the archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in (("bomb", Zeros()), ("a", io.BytesIO(b"first")), ("b", io.BytesIO(b"second"))):
            member = tarfile.TarInfo(f"set/{name}.png")
            member.size = reading.MAX_BYTES + 1 if name == "bomb" else len(content.getvalue())
            archive.addfile(member, content)
    with memory_below(2**25), serving(tar_parts(buffer.getvalue())) as server:
        found = fetch_set(server, tmp_path / "set.zip", 2)
    assert found == {"set/a.png": b"first", "set/b.png": b"second"}
    assert "refused set/bomb.png: 134,217,729 bytes are too many" in capsys.readouterr().err


def tar_parts(content: bytes, **entry) -> dict[str, bytes]:
    """Hugging Face's listing of one part, with other values of its entry where given, and the part."""
    piece = f"{FOLDER}/set.tar.gz.0"
    listing = [{"path": piece, "size": len(content)} | entry]
    return {
        f"/datasets/own/set/resolve/main/{piece}": content,
        f"/api/datasets/own/set/tree/main/{FOLDER}": json.dumps(listing).encode(),
    }


def tar_of(*members: tuple[tarfile.TarInfo, bytes], **options) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", **options) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def of_type(kind: bytes, name: str = "long") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_without_end_is_refused_without_being_held(tmp_path, kind):
    content = tar_of((of_type(kind), bytes(2**27)), (tarfile.TarInfo("a.png"), b"a"), compresslevel=1)
    refused = pytest.raises(UserError, match="a header of more than 32,768 bytes")
    with memory_below(2**25), serving(tar_parts(content)) as server, refused:
        fetch_set(server, tmp_path / "set.zip", 1)


def test_long_names_are_read(tmp_path):
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        name = "a/" * 400 + f"{kind}.png"
        with serving(tar_parts(tar_of((tarfile.TarInfo(name), b"a"), format=kind))) as server:
            assert fetch_set(server, tmp_path / f"{kind}.zip", 1) == {name: b"a"}


def test_members_are_not_held_and_not_without_number(tmp_path, monkeypatch):
    content = tar_of(
        *((of_type(tarfile.DIRTYPE, f"{i}"), b"") for i in range(10_000)), (tarfile.TarInfo("a.png"), b"a")
    )
    with serving(tar_parts(content)) as server:
        with memory_below(2**22):
            assert fetch_set(server, tmp_path / "set.zip", 1) == {"a.png": b"a"}
        monkeypatch.setattr(multipart, "_MEMBERS", 10_000)
        with pytest.raises(UserError, match="more than 10,000 members"):
            fetch_set(server, tmp_path / "other.zip", 1)


def test_a_member_of_an_earlier_ones_name_or_of_one_that_no_list_takes_is_refused(tmp_path, capsys):
    names = ["a.png", "a.png", "n" * 1_001 + ".png", "\udcff.png", "b.png"]
    content = tar_of(*((tarfile.TarInfo(name), name[:1].encode(errors="replace")) for name in names))
    with serving(tar_parts(content)) as server:
        assert fetch_set(server, tmp_path / "set.zip", 4) == {"a.png": b"a", "b.png": b"b"}
    told = capsys.readouterr().err
    assert "a member before it has its name" in told and "longer than 1,000" in told and "its name is no text" in told


def test_a_member_of_an_exabyte_ends(tmp_path):
    """tarfile would ask for the rest of it, ten kilobytes at a time."""
    member = tarfile.TarInfo("a.txt")
    member.size = 2**60
    content = gzip.compress(member.tobuf() + bytes(1024))
    with serving(tar_parts(content)) as server, pytest.raises(UserError, match="sparse, too large"):
        fetch_set(server, tmp_path / "set.zip", 1)


@pytest.mark.parametrize("sparse", [{"map": "1,x"}, {"major": "1", "minor": "0"}, {"map": "0,1", "realsize": "x"}])
def test_sparse_members_are_refused(tmp_path, sparse):
    member = tarfile.TarInfo("a.png")
    member.pax_headers = {f"GNU.sparse.{key}": value for key, value in sparse.items()}
    content = tar_of((member, b"x" * 600), format=tarfile.PAX_FORMAT)
    with serving(tar_parts(content)) as server, pytest.raises(UserError, match="do not make an archive"):
        fetch_set(server, tmp_path / "set.zip", 1)


LISTINGS = ["{}", '{"error": "gated"}', "[1, null, []]", "[{}]", '[{"path": 1, "size": 1}]', "1" * 5_000, "[" * 100_000]
WHOLE = {"path": f"{FOLDER}/set.tar.gz.0", "size": 1}
ENTRIES: list[dict] = [
    {"path": f"{FOLDER}/a\0.tar.gz.0"},
    {"path": f"{FOLDER}/\ud800.tar.gz.0"},
    {"path": f"{FOLDER}/a.tar.gz.{'1' * 5_000}"},
    {"path": f"{FOLDER}/{'a' * 300}.tar.gz"},
    {"size": None},
    {"size": -1},
    {"size": "1"},
    {"size": True},
]


@pytest.mark.parametrize("listing", LISTINGS + [json.dumps([WHOLE | entry]) for entry in ENTRIES])
def test_a_listing_of_another_kind_ends_in_one_sentence(tmp_path, listing):
    answers = {f"/api/datasets/own/set/tree/main/{FOLDER}": listing.encode()}
    with (
        serving(answers) as server,
        pytest.raises(UserError, match=r"no \.tar\.gz parts in .*; give images with --from"),
    ):
        fetch_set(server, tmp_path / "set.zip", 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("lfs", [None, [], {"oid": 1}, {"oid": "1"}, {}])
def test_a_listing_without_a_digest_is_taken(tmp_path, lfs):
    content = tar_of((tarfile.TarInfo("a.png"), b"a"))
    with serving(tar_parts(content, lfs=lfs)) as server:
        assert fetch_set(server, tmp_path / "set.zip", 1) == {"a.png": b"a"}


def test_a_part_that_is_listed_twice_is_no_reason_to_fail(tmp_path):
    content = tar_of((tarfile.TarInfo("a.png"), b"a"))
    answers = tar_parts(content)
    listing = next(path for path in answers if "/tree/" in path)
    (entry,) = json.loads(answers[listing])
    answers[listing] = json.dumps([entry, entry | {"lfs": {"oid": hashlib.sha256(content).hexdigest()}}]).encode()
    with serving(answers) as server:
        assert fetch_set(server, tmp_path / "set.zip", 1) == {"a.png": b"a"}


def test_truncated_archive_in_parts_is_refused(tmp_path):
    files = parts(40, 2)
    listing = next(path for path in files if "/tree/" in path)
    files[listing] = json.dumps(json.loads(files[listing])[:1]).encode()
    with serving(files) as server, pytest.raises(UserError, match="do not make an archive"):
        fetch_set(server, tmp_path / "set.zip", 40)
    assert not (tmp_path / "set.zip").exists()


# --- The whole way, as a user goes it


def on_mirror(address: str) -> str:
    return f"/{address.partition('://')[2]}"


def prepare(server: Server, tmp_path: Path, *arguments: str):
    return command("data", "prepare", *arguments, "--mirror", server.address, "--data-dir", tmp_path)


@pytest.mark.slow
def test_prepare_fetches_tells_the_terms_and_keeps_the_rest(tmp_path):
    members = {f"tiny-imagenet-200/{name}/images/0.JPEG": picture(1, False, 64) for name in ("train/n01", "val")}
    content = write_zip(tmp_path / "origin.zip", members).read_bytes()
    with serving({on_mirror(origins.ORIGINS["ImageNet"].address): content}) as server:
        done = prepare(server, tmp_path, "tiny_imagenet")
        assert done.returncode == 0, done.stderr
        again = prepare(server, tmp_path, "tiny_imagenet")
        assert len(server.requests) == 1
    assert "licence: ImageNet's terms" in done.stderr and "cite: Le and Yang" in done.stderr
    assert "tiny_imagenet: 2 images" in done.stderr and "may be deleted" in done.stderr
    assert "already" in again.stderr and again.returncode == 0


@pytest.mark.slow
def test_sources_that_cannot_be_fetched_end_in_one_sentence(tmp_path):
    with serving({}) as server:
        for arguments in (("cifake",), ("image_folder", "--generator", "IFv1")):
            done = prepare(server, tmp_path, *arguments)
            (*_, last) = done.stderr.splitlines()
            assert done.returncode == 2 and "Traceback" not in done.stderr
            assert "404 Not Found" in last and "by hand" in last and "--from" in last
    assert not list(tmp_path.rglob("*.zip"))


@pytest.mark.parametrize("what", ["other images", "no whole zip archive"])
def test_cifake_that_is_not_as_published_is_deleted(tmp_path, what):
    content = write_zip(tmp_path / "a.zip", {f"repo-e112/DATASET/{k}": v for k, v in cifake_members(2, 2).items()})
    content = content.read_bytes()
    content = content if what == "other images" else content[:-500]
    with serving({on_mirror(origins.ORIGINS["CIFAKE"].address): content}) as server:
        server.length = False  # as GitHub sends archives
        with pytest.raises(UserError, match=what):
            origins.fetch("cifake", tmp_path / "downloads", server.address)
    assert list((tmp_path / "downloads").iterdir()) == []


def test_an_archive_of_two_sources_is_fetched_once_and_each_has_its_digest(tmp_path, monkeypatch):
    """Over the images that it takes, whatever else the repository holds."""
    names = [f"DrawBench SDv{version}" for version in ("1.4", "1.5", "2.1")]
    files = [f"{file}_seed_0.jpg" for file in ("CompVis-stable-diffusion-v1-4", "runwayml-stable-diffusion-v1-5")]
    members = {f"repo-910c/{place}/{file}": file.encode() for file in files for place in ("Text/1", "other")}
    for name, file in zip(names, files, strict=False):
        digest = hashlib.sha256(hashlib.sha256(file.encode()).hexdigest().encode()).hexdigest()
        monkeypatch.setitem(origins.ORIGINS, name, replace(origins.ORIGINS[name], contents=digest))
    address = on_mirror(origins.ORIGINS[names[0]].address)
    assert re.fullmatch(r"/codeload\.github\.com/kennymckormick/DrawBench-Glance/zip/[0-9a-f]{40}", address)
    datasets = [SOURCES[name].dataset for name in names]
    with serving({address: write_zip(tmp_path / "a.zip", members).read_bytes()}) as server:
        for dataset in datasets[:2]:
            archive = origins.fetch(dataset, tmp_path / "downloads", server.address)
        assert archive == tmp_path / "downloads" / "drawbench-glance.zip" and len(server.requests) == 1
        with pytest.raises(UserError, match="other images than those published, which was deleted"):
            origins.fetch(datasets[2], tmp_path / "downloads", server.address)
    assert list((tmp_path / "downloads").iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="CIFAKE_KERAS_REAL_DATA is not set")
def test_real_cifake_in_githubs_layout_is_known(tmp_path):
    """Among the repository's other images."""
    with zipfile.ZipFile(Path(REAL_DATA) / "cifake" / "archive.zip") as archive:
        members = {f"repo-e112/DATASET/{name}": archive.read(name) for name in archive.namelist()}
    content = write_zip(tmp_path / "a.zip", members | {"repo-e112/figure.png": b"figure"}).read_bytes()
    with serving({on_mirror(origins.ORIGINS["CIFAKE"].address): content}) as server:
        assert origins.fetch("cifake", tmp_path / "downloads", server.address).exists()


# --- Kaggle

DOWNLOAD = "http://localhost/api/v1/datasets.DatasetApiService/DownloadDataset"


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """A server that Kaggle's client reaches as a proxy, and neither a login nor a cache of the user's."""
    as_kaggles_client(tmp_path, monkeypatch)
    with serving({DOWNLOAD: write_zip(tmp_path / "a.zip", cifake_members(20, 20)).read_bytes()}) as server:
        monkeypatch.setenv("http_proxy", server.address)
        yield server


@pytest.mark.slow
def test_kaggle_wanting_a_login_ends_in_one_sentence(kaggle, tmp_path):
    kaggle.failures = [403]
    done = command("data", "prepare", "cifake", "--kaggle", "--data-dir", tmp_path / "data")
    (*_, last) = done.stderr.splitlines()
    assert done.returncode == 2 and "Traceback" not in done.stderr and "licence: MIT" in done.stderr
    assert "403 Forbidden" in last and "set KAGGLE_API_TOKEN to a token" in last
    assert "fetch https://www.kaggle.com/datasets/birdy654/" in last and "--from" in last


def test_kaggle_not_having_it_is_no_matter_of_a_login(kaggle, tmp_path):
    kaggle.failures = [404]
    with pytest.raises(UserError, match="the server answers 404 Not Found; run the command again"):
        origins.fetch("cifake", tmp_path, kaggle=True)


def test_cifake_from_kaggle_cut_off_and_then_not_as_published(kaggle, tmp_path):
    kaggle.cut = 3_000
    with pytest.raises(UserError, match="the connection broke off; run the command again"):
        origins.fetch("cifake", tmp_path, kaggle=True)
    with pytest.raises(UserError, match=f"^{tmp_path}/cache/.* holds other images .*; delete it and run again"):
        origins.fetch("cifake", tmp_path, kaggle=True)


def test_no_archive_from_kaggle(kaggle, tmp_path):
    kaggle.files[DOWNLOAD] = b"no archive"
    with pytest.raises(UserError, match="cannot be fetched: Unsupported archive type; run"):
        origins.fetch("cifake", tmp_path, kaggle=True)


def test_kaggles_client_is_asked_for_where_it_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match=r"pip install 'cifake-keras\[kaggle\]', or leave --kaggle out"):
        origins.fetch("cifake", tmp_path, kaggle=True)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="CIFAKE_KERAS_REAL_DATA is not set")
def test_real_cifake_from_kaggle_is_known(kaggle, tmp_path):
    kaggle.files[DOWNLOAD] = (Path(REAL_DATA) / "cifake" / "archive.zip").read_bytes()
    assert (origins.fetch("cifake", tmp_path, kaggle=True) / "train" / "REAL").is_dir()
    shutil.rmtree(tmp_path / "cache")


def test_weights_come_file_by_file_and_are_those_that_were_published(tmp_path):
    with serving({"/a.pth": CONTENT, "/b.pth": CONTENT}) as server:
        right = Weights("right", (("a.pth", DIGEST), ("b.pth", DIGEST)), server.address, "MIT", "nothing")
        folder = origins.fetch_weights(right, tmp_path)
        assert {file.name for file in folder.iterdir()} == {"a.pth", "b.pth"}
        with pytest.raises(UserError, match="another SHA-256"):
            origins.fetch_weights(replace(right, name="other", files=(("a.pth", "0" * 64),)), tmp_path)
        with pytest.raises(UserError, match=r"c\.pth from .* by hand and give their folder with --from"):
            origins.fetch_weights(replace(right, name="absent", files=(("c.pth", DIGEST),)), tmp_path)
