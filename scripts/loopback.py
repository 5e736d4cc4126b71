"""An honest server on loopback, from which stand-in archives are fetched as from the hosts of the real ones."""

import contextlib
import hashlib
import io
import json
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cifake_keras.sources.fetching.origins import ORIGINS, Archive

PARTS = 3
SECONDS = 2  # that a file takes, so that there is time to kill who fetches it
_PIECES = 40


class _Handler(BaseHTTPRequestHandler):
    """Knows ranges of what has not changed since."""

    server: "_Server"

    def do_GET(self) -> None:
        if self.path not in self.server.files:
            return self.send_error(404)
        content = self.server.files[self.path]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d{1,18})-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers.get("If-Range") == tag else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked was killed
            self._send(content[start:], 1 + len(content) // _PIECES)
        return None

    def _send(self, content: bytes, size: int) -> None:
        for begin in range(0, len(content), size):
            self.wfile.write(content[begin : begin + size])
            time.sleep(SECONDS / _PIECES)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files


@contextlib.contextmanager
def serving(archives: dict[str, Path]) -> Iterator[str]:
    """Within, the zip archives, by source, can be fetched from the mirror whose address it yields."""
    files: dict[str, bytes] = {}
    for source, archive in archives.items():
        origin = ORIGINS[source]
        host, path = urlsplit(origin.address)[1:3]
        files |= (
            {f"/{host}{path}": archive.read_bytes()} if isinstance(origin, Archive) else _parts(host, path, archive)
        )
    server = _Server(files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _parts(host: str, path: str, archive: Path) -> dict[str, bytes]:
    """A folder of a data set on Hugging Face: its listing, and the images in a tar archive in parts."""
    whole = _tar(archive)
    size = 1 + len(whole) // PARTS
    parts = {f"images.tar.gz.{number}": whole[number * size : (number + 1) * size] for number in range(PARTS)}
    listing = [
        {"path": name, "size": len(part), "lfs": {"oid": hashlib.sha256(part).hexdigest()}}
        for name, part in parts.items()
    ]
    files = {f"/{host}{path.replace('/tree/', '/resolve/')}/{name}": part for name, part in parts.items()}
    return {f"/{host}/api{path}": json.dumps(listing).encode(), **files}


def _tar(archive: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(archive) as images, tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in images.namelist():
            member = tarfile.TarInfo(name)
            member.size = images.getinfo(name).file_size
            tar.addfile(member, images.open(name))
    return buffer.getvalue()
