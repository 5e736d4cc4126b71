"""Names of files and folders below results/runs stand in records/ alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import cifake_keras
from cifake_keras.records import cells, examples, mistakes, scores

PACKAGE = Path(cifake_keras.__file__).parent
NAMES = {cells.RUNS, cells.CONFIG, cells.HISTORY, cells.PREDICTIONS, cells.METRICS, cells.WEIGHTS, cells.CHECKPOINT}
NAMES |= {cells.EXAMINATION, examples.EXAMPLES, mistakes.MISTAKES, scores.IMAGES, cells.SCORES, cells.DISPERSION}

# The files of a preset of keras-hub are called so, too.
OTHERS = {Path("protocol.py"): ["config.json", "model.weights.h5"]}


def spelled(program: str) -> Iterator[str]:
    """The names in its strings, f-strings too."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.split("/")
            yield from (part for part in parts if part in NAMES or part.startswith("seed-"))


def test_names_are_seen_wherever_they_stand():
    program = 'folder / "runs" / f"seed-{seed}"; folder.glob("*/metrics.json"); say("the runs of a seed")'
    assert sorted(spelled(program)) == ["metrics.json", "runs", "seed-"]


def test_only_records_spell_names_below_a_results_folder():
    files = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "records"]
    assert len(files) > 50
    found = {path.relative_to(PACKAGE): names for path in files if (names := list(spelled(path.read_text())))}
    assert found == OTHERS
