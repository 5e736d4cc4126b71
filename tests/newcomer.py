"""A newcomer, who does in a clone of the repository all that a page tells to."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import stand_ins
from PIL import Image

from cifake_keras import protocol
from cifake_keras.sources import scenes

ROOT = Path(__file__).parents[1]
README, STUDY = "README.md", "docs/study.md"
PAGES = [README, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
# Pages that tell to run nothing in a clone of its own.
LINKED = [*PAGES, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md"]

# What is not run here, and why; make's targets are run dry.
ELSEWHERE = {
    "make test": "this is part of it",
    "make test-fast": "part of it too",
    "make lint": "fetches what it needs",
    "make docs": "tests/docs/test_site.py",
    "make notebooks": "tests/docs/test_notebooks.py",
    "make bench": "half an hour; tests/scripts/test_bench.py has it in short",
    "make paper": "sweeps, which are in tests/study/test_grid.py; its other commands are run one by one",
    "make paper GRID_OPTIONS=--no-sweep": "its commands are run one by one, and `make demo` runs both phases",
    "make paper-available LISTS=FOLDER_OF_THE_AUTHORS_LISTS": "five seeds; its commands are run one by one",
    "pip install 'cifake-keras[ray]'": "installed with the tests",
    "cifake-keras data prepare image_folder --from images --generator SDv1.5 --beam "
    "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing": "tests/sources/test_beam.py",
    "tfds build cifake --imports=cifake_keras --data_dir=data --manual_dir=archives": "tests/sources/test_tfds.py",
    "tensorboard --logdir curves/runs": "a server; tests/training/test_curves.py reads what it shows",
    "python -m http.server --bind localhost --directory page": "a server; tests/detector/test_page.py has one",
    'docker run --rm -p 8501:8501 -v "$PWD/models:/models" tensorflow/serving '
    "--model_config_file=/models/models.config --enable_batching --batching_parameters_file=/models/batching.config": (
        "a server; tests/detector/test_formats.py replays its requests"
    ),
    "tensorflow_model_server --rest_api_port=8501 --model_config_file=/models/models.config": "a server",
    "curl --data @request.json http://localhost:8501/v1/models/cifake:predict": "wants that server",
    "ray start --head --port 6379": "tests/runtime/test_cluster.py starts a cluster",
    "ray start --address FIRST:6379": "tests/runtime/test_cluster.py",
    "cifake-keras run-grid --phase phase1 --no-sweep --executor ray --ray-address FIRST:6379 --cpus-per-cell 2 "
    "--results-dir mine --saved-models-dir mine/saved_models": "tests/runtime/test_cluster.py",
    'sbatch --array=1-"$(wc -l < cells.txt)" scripts/slurm_array.sh cells.txt': "no Slurm here",
}


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[str]:
    """Of its blocks of shell: a line each, without comments and line breaks."""
    for text in (text for language, text in blocks(page) if language == "sh"):
        yield from _lines(text)


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r" *\\\n *", " ", text).splitlines():
        if command := re.sub(r"(^|\s+)#\s.*", "", line).strip():
            yield command


class Clone:
    """A copy of the repository with a small study's archives in it, and some pictures. options: variables for make."""

    def __init__(self, folder: Path, **options: str):
        self.folder, self.options = folder, options

    def run(self, *line: str) -> None:
        path = f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # The processes of the tests fill the cores, and each of a grid's takes seconds to import TensorFlow.
        environment = {**os.environ, "JOBS": "1", **self.options, "PATH": path, "PYTHONPATH": str(self.folder)}
        environment["GIT_CEILING_DIRECTORIES"] = str(self.folder.parent)  # it is no repository's part
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(line, cwd=self.folder, env=environment, text=True, **streams)
        assert done.returncode == 0, f"{line[-1]}\n{done.stdout[-4000:]}"

    def follow(self, page: str) -> None:
        """Does all that a page tells to: its Python last and in one process, as in one notebook."""
        python = ""
        for language, text in blocks(page):
            match language:
                case "sh":
                    for command in _lines(text):
                        self.do(command)
                case "python":
                    python += text
                case "diff":
                    (self.folder / "change.diff").write_text(text, encoding="utf-8")
                    self.run("git", "apply", "change.diff")
        if python:
            self.run("python", "-c", python)

    def do(self, command: str) -> None:
        if command not in ELSEWHERE:
            self.run("bash", "-euo", "pipefail", "-c", command)
        elif command.startswith("make "):
            self.run("bash", "-c", f"make --dry-run {command.removeprefix('make ')}")

    def copy(self, folder: Path) -> "Clone":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone(folder, **self.options)


def clone(folder: Path, **options: str) -> Clone:
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, subprocess.run(listed, cwd=ROOT, capture_output=True, text=True).stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    shutil.rmtree(folder / "results")
    _install(folder / ".venv")
    return Clone(folder, **options)


def _install(environment: Path) -> None:
    """As `make install` leaves it, with the packages of these tests."""
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".installed":
            (environment / part.name).symlink_to(part)
    (environment / ".installed").touch()


def provide_pictures(folder: Path) -> None:
    """Those that the pages take for given."""
    for place, images in {"images": scenes.images("transposed", 40), "pictures": scenes.images("camera", 3)}.items():
        (folder / place).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).resize((48, 48)).save(folder / place / f"{number}.png")
    Image.open(folder / "pictures" / "0.png").save(folder / "photograph.jpg")
    np.save(folder / "images.npy", np.zeros((2, 32, 32, 3), np.float32))


def provide_archives(folder: Path) -> None:
    """A five-hundredth of the study's, and the authors' lists."""
    phases = protocol.phases("paper", 0.002)
    for name in ("phase2", "phase1"):  # the second writes anew what both need
        stand_ins.write(phases[name], folder / "archives")
    (folder / "FOLDER_OF_THE_AUTHORS_LISTS").mkdir()
    for label in protocol.CLASSES:
        (folder / "FOLDER_OF_THE_AUTHORS_LISTS" / f"val_{label.lower()}_filenames.csv").write_text("00100.jpg\n")
