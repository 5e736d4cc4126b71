"""The files of an audit, below results/audit/<phase>; the module audit says what is in each."""

from pathlib import Path
from typing import Any

import pandas as pd

from cifake_keras.runtime.files import read_json

SETTINGS, FLOOR, EXAMPLES = "audit.json", "floor.csv", "examples.npz"


def folder(results_dir: Path, phase: str) -> Path:
    """Where the audit of a phase is kept."""
    return results_dir / "audit" / phase


def floor(results_dir: Path, phase: str, data: list[dict[str, Any]]) -> pd.DataFrame | None:
    """The shortcut floor, a row a set of features and test set; None without an audit of the same images.

    data: what a cell ran on, its sources by name.
    """
    path = folder(results_dir, phase)
    if not (path / SETTINGS).exists():
        return None
    audited = sorted(read_json(path / SETTINGS)["data"], key=lambda source: source["name"])
    return pd.read_csv(path / FLOOR) if audited == data else None
