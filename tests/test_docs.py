"""Every command and every line of Python in the README and in docs/, run as a newcomer would, in a clone."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import stand_ins
from PIL import Image

from cifake_keras import __version__, protocol
from cifake_keras.cli import main
from cifake_keras.sources import scenes

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
# Pages that tell to run nothing in a clone of its own.
LINKED = [*PAGES, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md"]
STUDY = "docs/study.md"  # other pages take up what its commands have made

# What is not run here, and why; make's targets are run dry.
ELSEWHERE = {
    "make test": "this is part of it",
    "make lint": "fetches what it needs",
    "make bench": "half an hour; tests/test_bench.py has it in short",
    "make paper": "sweeps; it is run with --no-sweep, and sweeps are in tests/test_grid.py",
    "make paper-available LISTS=FOLDER_OF_THE_AUTHORS_LISTS": "five seeds; its commands are run one by one",
    "pip install 'cifake-keras[ray]'": "installed with the tests",
    "cifake-keras data prepare image_folder --from images --generator SDv1.5 --beam "
    "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing": "tests/test_distributed.py",
    "tfds build cifake --imports=cifake_keras --data_dir=data --manual_dir=archives": "tests/test_distributed.py",
    "tensorboard --logdir curves/runs": "a server; tests/test_curves.py reads what it shows",
    "python -m http.server --bind localhost --directory page": "a server; tests/test_page.py has one",
    'docker run --rm -p 8501:8501 -e MODEL_NAME=detector -v "$PWD/saved_models/phase1/baseline:/models/detector/1" '
    "tensorflow/serving": "a server; tests/test_detector.py builds the request",
    "tensorflow_model_server --rest_api_port=8501 --model_name=detector --model_base_path=/models/detector": "a server",
    "curl --data @request.json http://localhost:8501/v1/models/detector:predict": "wants that server",
    "ray start --head --port 6379": "tests/test_cluster.py starts a cluster",
    "ray start --address FIRST:6379": "tests/test_cluster.py",
    "cifake-keras run-grid --phase phase1 --no-sweep --executor ray --ray-address FIRST:6379 --cpus-per-cell 2": (
        "tests/test_cluster.py"
    ),
    'sbatch --array=1-"$(wc -l < cells.txt)" scripts/slurm_array.sh cells.txt': "no Slurm here",
}


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Of a block of shell: a line each, without comments and line breaks."""
    for line in re.sub(r" *\\\n *", " ", text).splitlines():
        if command := re.sub(r"(^|\s+)#\s.*", "", line).strip():
            yield command


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def mentioned(page: str) -> Iterator[str]:
    """Commands in running text: whatever is set as code, and begins as one does."""
    for code in re.findall(r"`([^`]+)`", prose(ROOT / page)):
        if re.match(r"(cifake-keras|make|python scripts/\S+) ", code + " "):
            yield re.sub(r"\s+", " ", code)


class Clone:
    """A copy of the repository with a small study's archives in it, and some pictures."""

    def __init__(self, folder: Path):
        self.folder = folder

    def run(self, *line: str) -> None:
        path = f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder)}
        environment["GIT_CEILING_DIRECTORIES"] = str(self.folder.parent)  # it is no repository's part
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(line, cwd=self.folder, env=environment, text=True, **streams)
        assert done.returncode == 0, f"{line[-1]}\n{done.stdout[-4000:]}"

    def follow(self, page: str) -> None:
        """Does all that a page tells to."""
        python = ""
        for language, text in blocks(page):
            match language:
                case "sh":
                    self._shell(text)
                case "python":
                    python += text
                    self.run("python", "-c", python)
                case "diff":
                    (self.folder / "change.diff").write_text(text, encoding="utf-8")
                    self.run("git", "apply", "change.diff")

    def _shell(self, text: str) -> None:
        for command in commands(text):
            if command not in ELSEWHERE:
                self.run("bash", "-euo", "pipefail", "-c", command)
            elif command.startswith("make "):
                self.run("bash", "-c", f"make --dry-run {command.removeprefix('make ')}")

    def copy(self, folder: Path) -> "Clone":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone(folder)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Clone:
    folder = tmp_path_factory.mktemp("fresh")
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, subprocess.run(listed, cwd=ROOT, capture_output=True, text=True).stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    shutil.rmtree(folder / "results")
    _install(folder / ".venv")
    _provide(folder)
    return Clone(folder)


def _install(environment: Path) -> None:
    """As `make install` leaves it, with the packages of these tests."""
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".installed":
            (environment / part.name).symlink_to(part)
    (environment / ".installed").touch()


def _provide(folder: Path) -> None:
    """What the pages take for given."""
    for place, images in {"images": scenes.images("transposed", 40), "pictures": scenes.images("camera", 3)}.items():
        (folder / place).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).resize((48, 48)).save(folder / place / f"{number}.png")
    Image.open(folder / "pictures" / "0.png").save(folder / "photograph.jpg")
    np.save(folder / "images.npy", np.zeros((2, 32, 32, 3), np.float32))
    phases = protocol.phases("paper", 0.002)
    for name in ("phase2", "phase1"):  # the second writes anew what both need
        stand_ins.write(phases[name], folder / "archives")
    (folder / "FOLDER_OF_THE_AUTHORS_LISTS").mkdir()
    for label in protocol.CLASSES:
        (folder / "FOLDER_OF_THE_AUTHORS_LISTS" / f"val_{label.lower()}_filenames.csv").write_text("00100.jpg\n")


@pytest.fixture(scope="module")
def studied(fresh, tmp_path_factory) -> Clone:
    clone = fresh.copy(tmp_path_factory.mktemp("studied") / "clone")
    clone.follow(STUDY)
    return clone


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_what_a_page_tells_to_do_can_be_done(page, request, tmp_path):
    clone = request.getfixturevalue("fresh" if page == "README.md" else "studied")
    if page != STUDY:
        clone.copy(tmp_path / "clone").follow(page)


@pytest.mark.parametrize("page", LINKED)
def test_commands_in_running_text_exist(page):
    for command in mentioned(page):
        name, *arguments = command.split()
        if name == "cifake-keras":
            assert set(options(arguments)) <= known(arguments), command
        elif name == "make":
            subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, check=True)
        else:
            assert (ROOT / arguments[0]).is_file(), command


def options(arguments: list[str]) -> Iterator[str]:
    yield from (argument for argument in arguments if argument.startswith("--"))


def known(arguments: list[str]) -> set[str]:
    """The options of the command that they name."""
    command: click.Command = main
    for argument in arguments:
        if isinstance(command, click.Group):
            assert argument in command.commands, " ".join(arguments)
            command = command.commands[argument]
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_nothing_is_left_out_without_need():
    shell = {
        command for page in PAGES for language, text in blocks(page) if language == "sh" for command in commands(text)
    }
    assert ELSEWHERE.keys() <= shell


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", prose(ROOT / page)):
        if not target.startswith("http"):
            path = (ROOT / page).parent / target if target else ROOT / page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """As GitHub names its headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page, pattern", [("CITATION.cff", r"^version: (.+)$"), ("README.md", r"version = {(.+)}")])
def test_the_version_is_the_package_s_own(page, pattern):
    assert re.findall(pattern, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE) == [__version__]


def test_every_result_is_explained():
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    entries = {Path(name).parts[1] for name in listed.splitlines()} - {"README.md"}
    links = re.findall(r"\]\(([^)]*)\)", (ROOT / "results" / "README.md").read_text(encoding="utf-8"))
    assert {Path(link).parts[0] for link in links} - {".."} == entries
