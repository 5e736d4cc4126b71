"""What an index of packages takes: the wheel's files and metadata, and what answers where nothing else is installed."""

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support import noise_png, one_sentence

from cifake_keras import __version__
from cifake_keras.cli import main

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

ANSWERING = "predict", "grid-commands", "doctor"

# A line of each other command.
STUDIES = {
    "run-grid": ("--preset", "demo"),
    "examine": (),
    "status": (),
    "tables": (),
    "figures": (),
    "compare": ("baseline", "autoencoded"),
    "report": (),
    "data": ("prepare", "procedural"),
    "explain": ("a.png",),
    "publish": ("repository",),
    "export": ("--format", "onnx", "--output", "a.onnx"),
    "page": (),
}


def tracked(folder: str = ".") -> list[str]:
    """Files of the repository, below a folder of it."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, check=True)
    return [name for name in listed.stdout.decode().split("\0") if name]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built of the repository as it comes out of a zip archive where nothing makes links of links."""
    source = tmp_path_factory.mktemp("source")
    for name in (name for name in tracked() if not name.startswith("results/")):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            path.write_text(str((ROOT / name).readlink()))
        else:
            path.write_bytes((ROOT / name).read_bytes())
    line = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", "."]
    subprocess.run(line, cwd=source, capture_output=True, check=True)
    (path,) = (source / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory) -> Path:
    """The packages of an environment of its own: the wheel, and links to what `pip install` brings with it."""
    environment = tmp_path_factory.mktemp("alone")
    venv.create(environment)
    folder = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    with zipfile.ZipFile(wheel) as package:
        package.extractall(folder)
    for name in needed(metadata_of(folder), set()):
        distribution = importlib.metadata.distribution(name)
        for part in {file.parts[0] for file in distribution.files} - {".."}:
            if not (folder / part).exists():
                (folder / part).symlink_to(distribution.locate_file(part))
    return folder


def metadata_of(folder: Path) -> importlib.metadata.Distribution:
    (own,) = importlib.metadata.distributions(name="cifake-keras", path=[str(folder)])
    return own


def needed(distribution: importlib.metadata.Distribution, seen: set[str]) -> Iterator[str]:
    """Names of what a package needs without extras, and of what that needs."""
    for requirement in map(Requirement, distribution.requires or []):
        if requirement.name not in seen and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            seen.add(requirement.name)
            yield requirement.name
            yield from needed(importlib.metadata.distribution(requirement.name), seen)


@pytest.fixture
def run_alone(alone, tmp_path):
    """Runs the Python of that environment, in a folder with an image."""
    (tmp_path / "a.png").write_bytes(noise_png(0))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*line: str) -> subprocess.CompletedProcess:
        python = alone.parents[2] / "bin" / "python"
        return subprocess.run([python, *line], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def test_the_wheel_holds_the_package(wheel):
    with zipfile.ZipFile(wheel) as package:
        held = {name for name in package.namelist() if ".dist-info/" not in name}
        assert held == set(tracked("cifake_keras"))
        assert all(package.read(name) == (ROOT / name).read_bytes() for name in held)


def test_the_metadata_say_what_the_repository_says(alone):
    own = metadata_of(alone)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"  - name: {own.metadata['Author']}\n" in citation
    assert f"license: {own.metadata['License-Expression']}\nversion: {own.version}\n" in citation
    assert own.version == __version__
    assert "Typing :: Typed" in own.metadata.get_all("Classifier")
    tested = re.search(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "checks.yml").read_text())[1]
    versions = re.findall(r"Python :: (3\.\d+)", " ".join(own.metadata.get_all("Classifier")))
    assert ", ".join(f'"{version}"' for version in versions) == tested


def test_links_of_the_long_description_lead_somewhere_from_an_index(alone):
    own = metadata_of(alone)
    assert own.metadata["Description-Content-Type"] == "text/markdown"
    text = own.metadata.get_payload()
    assert text.startswith("# cifake_keras") and "[arXiv 2303.14126](https://arxiv.org/" in text
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)", text))


def test_the_detector_answers_without_the_study(run_alone):
    assert run_alone("-c", "import tensorflow").returncode == 1
    done = run_alone("-m", "cifake_keras.cli", "predict", "--format", "csv", "a.png")
    assert (done.returncode, done.stdout.count("a.png"), done.stderr) == (0, 1, "")


def test_the_doctor_finds_no_fault_without_the_study(run_alone):
    done = run_alone("-m", "cifake_keras.cli", "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("extras: study", "data: all", "TensorFlow: import"):
        (line,) = (line for line in done.stdout.splitlines() if f"absent     {part}: " in line)
        assert line.endswith("; pip install 'cifake-keras[study]'")


@pytest.mark.parametrize("command", [name for name in main.commands if name not in ANSWERING])
def test_a_command_that_needs_the_study_says_so(command, run_alone, tmp_path):
    done = run_alone("-m", "cifake_keras.cli", command, *STUDIES[command])
    assert re.fullmatch(
        rf"{command} needs \w+: pip install 'cifake-keras\[study\]'", one_sentence(done.returncode, done.stderr)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("line", ["load_detector(PRETRAINED)", "load_detector().explain('a.png')"])
def test_what_needs_tensorflow_in_python_says_so(line, run_alone):
    imports = "from cifake_keras import load_detector; from cifake_keras.detector import PRETRAINED"
    done = run_alone("-c", f"{imports}; {line}")
    expected = "UserError: Only TensorFlow runs and explains a SavedModel: pip install 'cifake-keras[study]'"
    assert done.stderr.splitlines()[-1].endswith(expected)
