"""The notebooks run from top to bottom, and print what is published."""

import re

import pytest
from newcomer import ROOT

nbformat = pytest.importorskip("nbformat", reason="`make docs` installs it")
pytest.importorskip("ipykernel", reason="`make docs` installs it")
pytestmark = pytest.mark.slow


def published(name: str):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def run(notebook, folder, monkeypatch):
    """The same, run anew in `folder` by this Python, with the package of this repository."""
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def words(notebook) -> list[str]:
    """What its cells print, and the tables that they show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output.get("text") or output.get("data", {}).get("text/markdown") for output in outputs]
    return [text for text in texts if text]


def test_the_detector_says_what_is_published(tmp_path, monkeypatch):
    expected = words(published("ask_the_detector"))
    assert len(expected) == 3
    assert words(run(published("ask_the_detector"), tmp_path, monkeypatch)) == expected


def test_a_condition_can_be_added_and_compared(tmp_path, monkeypatch):
    notebook = published("your_own_condition")
    for cell in notebook.cells:
        cell.source = re.sub(r"--scale [\d.]+", "--scale 0.05", cell.source)
    table = words(run(notebook, tmp_path, monkeypatch))[-1]
    for title in "Baseline", "Blur":
        assert re.search(rf"\| {title} +\| +\d+\.\d", table)
