"""Published detectors come through the real clients from servers on loopback, or one sentence says why they do not."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support import as_kaggles_client, command, noise_png, one_sentence, refused

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED, hubs
from cifake_keras.runtime.errors import UserError

pytest.importorskip("huggingface_hub")

NAME = "user/detector"
REVISION = "a" * 40
PIECES = "model.tflite", "assets.extra/model_card.json", "variables/variables.index"
LARGE = 1_000_000  # bytes: files from there on are uploaded by Git LFS


class Server(ThreadingHTTPServer):
    """files: those of NAME, by path. asked: (method, path) of each request. token: whom it lets write."""

    daemon_threads = True
    token = "Bearer hf_secret"

    def __init__(self, handler: type["Handler"], files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), handler)
        self.files, self.stored, self.asked = files, {}, []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self, content: object = b"", status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        self.server.asked.append((self.command, self.path))
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = b""
        while size := int(self.rfile.readline(), 16):
            chunks += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return chunks

    def log_message(self, *_: object) -> None:
        pass


class HuggingFace(Handler):
    """What the client asks of the Hub to fetch a snapshot, and to commit files."""

    def do_GET(self) -> None:
        self.body()
        match unquote(urlsplit(self.path).path).strip("/").split("/"):
            case ["api", "models", *name, "revision", _] if "/".join(name) != NAME:
                self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            case ["api", "models", _, _, "revision", "main" | "v1"]:
                self.answer(
                    {"id": NAME, "sha": REVISION, "siblings": [{"rfilename": name} for name in self.server.files]}
                )
            case ["api", "models", _, _, "revision", _]:
                self.answer({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
            case ["api", "models", _, _, "tree", _]:
                self.answer([self.entry(name) for name in self.server.files], Content_Type="application/json")
            case [*name, "resolve", _, _] | [*name, "resolve", _, _, _] if "/".join(name) == NAME:
                path = self.path.split(f"/resolve/{REVISION}/")[1]
                content = self.server.files[path]
                self.answer(content, ETag=f'"{self.entry(path)["oid"]}"', X_Repo_Commit=REVISION)
            case _:
                self.answer(status=404)

    do_HEAD = do_GET

    def entry(self, path: str) -> dict:
        content = self.server.files[path]
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def do_POST(self) -> None:
        body = self.body()
        if self.headers.get("Authorization") != self.server.token:
            return self.answer({"error": "Invalid username or password."}, 401)
        path = urlsplit(self.path).path
        if path == "/api/repos/create":
            return self.answer({"url": f"{self.server.address}/{NAME}", "name": NAME})
        if path.endswith("/preupload/main"):
            sizes = {file["path"]: file["size"] for file in json.loads(body)["files"]}
            modes = {name: "lfs" if size >= LARGE else "regular" for name, size in sizes.items()}
            return self.answer(
                {"files": [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]}
            )
        if path == f"/{NAME}.git/info/lfs/objects/batch":
            objects = [
                of | {"actions": {"upload": {"href": f"{self.server.address}/lfs/{of['oid']}"}}}
                for of in json.loads(body)["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        self.commit([json.loads(line) for line in body.splitlines()])
        return self.answer({"commitUrl": f"{self.server.address}/{NAME}/commit/{REVISION}", "commitOid": REVISION})

    def commit(self, lines: list[dict]) -> None:
        for key, value in ((line["key"], line["value"]) for line in lines):
            if key == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                self.server.files[value["path"]] = self.server.stored[value["oid"]]

    def do_PUT(self) -> None:
        content = self.body()
        self.server.stored[hashlib.sha256(content).hexdigest()] = content
        self.answer()


class Kaggle(Handler):
    """The services that its client asks for a model: its version, its files, one of them. It is asked as a proxy."""

    def do_POST(self) -> None:
        asked = json.loads(self.body() or b"{}")
        match self.path.rsplit("/", 1)[1]:
            case _ if asked.get("modelSlug") != "detector":
                self.answer({"code": 404, "message": "Not found"}, 404)
            case "GetModelInstance":
                self.answer({"versionNumber": 3})
            case "ListModelInstanceVersionFiles":
                self.answer({"files": [{"name": name} for name in self.server.files], "nextPageToken": ""})
            case "DownloadModelInstanceVersion":
                self.answer(self.server.files[asked["path"]])


@contextlib.contextmanager
def serving(handler: type[Handler], files: dict[str, bytes]) -> Iterator[Server]:
    server = Server(handler, files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def published(*, without: str = "", damaged: str = "") -> dict[str, bytes]:
    files = {path.relative_to(PRETRAINED).as_posix(): path for path in PRETRAINED.rglob("*") if path.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items() if name != without}
    if damaged:
        contents[damaged] = contents[damaged][:-1] + b"x"
    return contents


@pytest.fixture
def image(tmp_path) -> Path:
    (tmp_path / "image.png").write_bytes(noise_png(1, 32))
    return tmp_path / "image.png"


class User:
    """Someone with an empty cache and no token."""

    def __init__(self, home: Path, address: str):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        self.environment = {**inherited, "HF_HOME": str(home), "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}

    def predict(self, image: Path, model: str) -> subprocess.CompletedProcess:
        return command("predict", image, "--model", model, "--format", "json", env=self.environment)

    def refused(self, image: Path, model: str) -> str:
        done = self.predict(image, model)
        return one_sentence(done.returncode, done.stderr)

    def upload(self, folder: Path, **environment: str) -> subprocess.CompletedProcess:
        """As `publish` does once it has written the folder."""
        program = f"""
from pathlib import Path
from cifake_keras.detector import hubs
from cifake_keras.runtime.errors import UserError
try:
    print(hubs.upload(Path({str(folder)!r}), "hf://{NAME}"))
except UserError as error:
    raise SystemExit(f"Error: {{error}}")
"""
        environment = {**self.environment, **environment}
        return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


def test_from_hugging_face_and_again_without_a_network(tmp_path, image):
    expected = round(float(load_detector().predict([image])[0]), 6)
    with serving(HuggingFace, published()) as server:
        user = User(tmp_path / "home", server.address)
        done = user.predict(image, f"hf://{NAME}@v1")
        assert json.loads(done.stdout)[0]["probability_fake"] == expected, done.stderr
        fetched = {path.split(f"{REVISION}/")[1] for method, path in server.asked if "/resolve/" in path}
        assert "saved_model.pb" not in fetched and "variables/variables.index" in fetched, "no program is fetched"
        assert "no such revision" in user.refused(image, f"hf://{NAME}@v2")
        assert "asks for a login" in user.refused(image, "hf://user/other")
    done = user.predict(image, f"hf://{NAME}@v1")
    assert json.loads(done.stdout)[0]["probability_fake"] == expected, done.stderr
    assert "was not fetched before" in user.refused(image, "hf://user/another")


@pytest.mark.parametrize(
    "files, told",
    [
        ({"README.md": b"other"}, "is no detector: its assets.extra/model_card.json is missing"),
        (published(without="model.tflite"), "model.tflite is missing or damaged"),
        (published(damaged="model.tflite"), "model.tflite is missing or damaged"),
        (published(damaged="variables/variables.index"), "variables.index is missing or damaged"),
        (published(damaged="assets.extra/model_card.json"), "model_card.json is damaged"),
        (published() | {"assets.extra/model_card.json": b'{"sha256": {}}'}, "is no detector"),
    ],
)
def test_what_is_no_detector_or_damaged_is_refused(files, told, tmp_path, image):
    with serving(HuggingFace, files) as server:
        assert told in User(tmp_path / "home", server.address).refused(image, f"hf://{NAME}")


def test_an_upload_is_what_was_written_and_tells_no_token(tmp_path):
    folder = shutil.copytree(PRETRAINED, tmp_path / "folder")
    with serving(HuggingFace, {}) as server:
        user = User(tmp_path / "home", server.address)
        done = user.upload(folder)
        assert f"hf://{NAME} cannot be written to: " in done.stderr and "HF_TOKEN" in done.stderr
        assert "Traceback" not in done.stderr and not server.files
        done = user.upload(folder, HF_TOKEN="hf_secret")
        assert done.stdout.strip().endswith(f"/{NAME}/commit/{REVISION}"), done.stderr
        assert server.files == published()
        assert sum("/commit/" in path for _, path in server.asked) == 1, "all of it, or nothing"
        assert "hf_secret" not in done.stdout + done.stderr
    assert not list((tmp_path / "home").rglob("*token*")), "kept for nobody"


@pytest.fixture
def kaggle(tmp_path, monkeypatch) -> Iterator[Server]:
    """A server that Kaggle's client reaches as a proxy, and neither a login nor a cache of the user's."""
    as_kaggles_client(tmp_path, monkeypatch)
    with serving(Kaggle, published()) as server:
        monkeypatch.setenv("http_proxy", server.address)
        yield server


def test_from_kaggle_and_again_without_a_network(kaggle, image):
    expected = load_detector().predict([image])
    assert load_detector("kaggle://user/detector/tfLite/baseline").predict([image]) == expected
    kaggle.shutdown()
    kaggle.server_close()
    assert load_detector("kaggle://user/detector/tfLite/baseline/3").predict([image]) == expected
    with pytest.raises(UserError, match=r"^kaggle://user/detector/tfLite/baseline/4 cannot be fetched: "):
        load_detector("kaggle://user/detector/tfLite/baseline/4")


def test_kaggle_lacks_it_or_it_is_damaged(kaggle):
    with pytest.raises(UserError, match="cannot be fetched: the server answers 404 Not Found"):
        load_detector("kaggle://user/other/tfLite/baseline")
    with pytest.raises(UserError, match="cannot be fetched: Invalid model handle"):
        load_detector("kaggle://user/detector")
    kaggle.files = published(damaged="model.tflite")
    with pytest.raises(UserError, match=r"model\.tflite is missing or damaged"):
        load_detector("kaggle://user/detector/tfLite/baseline")


@pytest.mark.parametrize("address, module", [("hf://u/n", "huggingface_hub"), ("kaggle://o/m/f/v", "kagglehub")])
def test_a_client_that_is_not_installed_is_named(address, module, monkeypatch, image):
    monkeypatch.setitem(sys.modules, module, None)
    assert f"{module} is not installed; install it with: pip install" in refused("predict", image, "--model", address)


def test_only_hugging_face_is_published_to():
    assert "only hf:// is published to" in refused("publish", "kaggle://o/m/f/v")
    assert hubs.is_address("hf://u/n") and not hubs.is_address("saved_models/phase1/baseline")
