"""The examined cells of a results folder, as the tables and charts read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from cifake_keras import protocol
from cifake_keras.protocol import System
from cifake_keras.records import cells, finished
from cifake_keras.records.cells import Cell
from cifake_keras.records.predictions import Scored
from cifake_keras.records.scores import IMAGES, Scores, read_images
from cifake_keras.runtime.errors import UserError


@dataclass(frozen=True)
class Examined:
    """A phase. images: a row a test image; scores and dispersion: by classifier and condition, one a seed, in order.

    A view is a path that images took, or what they were altered by. Cells that earlier versions examined lack some.
    """

    phase: protocol.Phase
    preset: str
    images: pd.DataFrame
    seeds: dict[System, list[int]]
    scores: dict[System, list[Scores]]
    dispersion: dict[System, list[pd.DataFrame]]

    @property
    def labels(self) -> np.ndarray:
        """int [images]."""
        return self.images["label"].to_numpy()

    def tests(self) -> Iterator[tuple[str, np.ndarray]]:
        """The test sets that there are, with the places of their images."""
        for test in self.phase.examined:
            places = np.flatnonzero(self.images["test_set"] == test.name)
            if places.size:
                yield test.name, places

    @property
    def groups(self) -> np.ndarray:
        """int [images]: which were drawn together, as images of one prompt; each other one by itself."""
        prompted = self.images["source"].map(lambda name: protocol.SOURCES[name].prompts)
        prompts = self.images["filename"].str.rpartition("/")[0]
        return pd.factorize(prompts.where(prompted, self.images.index.astype(str)))[0]

    def logits(self, system: System, view: str) -> np.ndarray:
        """float32 [seeds, images]."""
        return np.stack([scores.logits(view) for scores in self.scores[system]])

    def said_fake(self, system: System, view: str) -> np.ndarray:
        """bool [seeds, images]: the decisions at probability 0.5."""
        return np.stack([scores.said_fake(view) for scores in self.scores[system]])

    def correct(self, system: System, view: str) -> np.ndarray:
        """bool [seeds, images]."""
        return self.said_fake(system, view) == (self.labels == protocol.FAKE)

    def scored(self, cell: Cell) -> dict[tuple[str, str], Scored]:
        """By test set and evaluation; empty where the cell has not been examined. Good to three digits, as logits."""
        system = System(cell.classifier, cell.condition)
        if cell.seed not in self.seeds.get(system, ()):
            return {}
        logits = self.scores[system][self.seeds[system].index(cell.seed)].paths
        paths = {name: protocol.path_name(cell.condition, name) for name in protocol.EVALUATIONS}
        return {
            (test, evaluation): (self.labels[places], expit(logits[path][places]))
            for test, places in self.tests()
            for evaluation, path in paths.items()
            if path in logits
        }

    def has(self, system: System, view: str) -> bool:
        """Whether all seeds have it."""
        return all(view in scores.paths or view in scores.altered for scores in self.scores[system])

    def paths(self, system: System) -> list[str]:
        """Those that all seeds have."""
        return [path for path in self.scores[system][0].paths if self.has(system, path)]

    def altered(self, system: System) -> list[str]:
        """The alterations that all seeds have."""
        return [view for view in self.scores[system][0].altered if self.has(system, view)]

    def measures(self, system: System) -> list[str]:
        """The columns of `dispersion` that all seeds have."""
        return [
            name for name in self.dispersion[system][0] if all(name in of_seed for of_seed in self.dispersion[system])
        ]

    def methods(self, system: System) -> list[str]:
        """The methods of saliency that all seeds have."""
        names = [of_seed["method"].unique() for of_seed in self.dispersion[system]]
        return [name for name in names[0] if all(name in of_seed for of_seed in names)]


def read(results_dir: Path) -> list[Examined]:
    """The phases that have examined cells. Raises UserError where the files do not belong together."""
    names = sorted(path.parent.name for path in (results_dir / cells.RUNS).glob(f"*/{IMAGES}"))
    phases = [_phase(results_dir, name) for name in names if cells.finished(results_dir, name)]
    return [phase for phase in phases if phase.scores]


def _phase(results_dir: Path, name: str) -> Examined:
    preset = finished.read_cell(cells.finished(results_dir, name)[0]).preset
    images = read_images(cells.phase_folder(results_dir, name))
    phase = Examined(protocol.phases(preset)[name], preset, images, {}, {}, {})
    for classifier in protocol.CLASSIFIERS:
        for condition in protocol.CONDITIONS:
            for cell in cells.examined(results_dir, name, condition, classifier):
                _add(phase, results_dir, cell)
    return phase


def _add(phase: Examined, results_dir: Path, cell: Cell) -> None:
    system, folder = System(cell.classifier, cell.condition), cells.examination_folder(results_dir, cell)
    cells.check_digests(folder)
    scores = Scores.read(folder / cells.SCORES)
    if scores.count != len(phase.images):
        raise UserError(f"{folder} was not examined on the images of {IMAGES}; delete it and run `examine`.")
    phase.seeds.setdefault(system, []).append(cell.seed)
    phase.scores.setdefault(system, []).append(scores)
    # What sees features has no maps to measure.
    has_maps = phase.phase.thorough and not protocol.CLASSIFIERS[cell.classifier].backbone
    measured = _dispersion(folder / cells.DISPERSION) if has_maps else pd.DataFrame({"method": []})
    phase.dispersion.setdefault(system, []).append(measured)


def _dispersion(path: Path) -> pd.DataFrame:
    with cells.as_written(path):
        rows = pd.read_csv(path)
        if np.isinf(rows.drop(columns="method").astype(float)).any(axis=None):
            raise ValueError("a measure is infinite")
        if rows["method"].value_counts().nunique() != 1:
            raise ValueError("not as many images of each method")
    return rows
