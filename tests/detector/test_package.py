"""The detector is installed with the package, from whatever the package is built of."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "*.*", "LICENSE"], cwd=ROOT, capture_output=True, check=True
    )
    return [Path(name) for name in listed.stdout.decode().split("\0") if name and not name.startswith("results/")]


@pytest.fixture
def unlinked(tmp_path) -> Path:
    """The repository as it comes out of a zip archive where nothing makes links of links."""
    for name in files():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            path.write_text(str((ROOT / name).readlink()))
        else:
            path.write_bytes((ROOT / name).read_bytes())
    return tmp_path / "source"


@pytest.mark.slow
def test_a_wheel_holds_the_detector(unlinked):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", "."],
        cwd=unlinked,
        capture_output=True,
        check=True,
    )
    (wheel,) = (unlinked / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as package:
        for path in filter(Path.is_file, (ROOT / "cifake_keras" / "pretrained").rglob("*")):
            assert package.read(path.relative_to(ROOT).as_posix()) == path.read_bytes()
