"""The examined cells of a results folder, as the tables and charts read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.scores import DISPERSION, IMAGES, SCORES, Scores
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import read_json

Key = tuple[str, str]  # classifier, condition


@dataclass(frozen=True)
class Examined:
    """A phase. images: a row a test image; scores and dispersion: by classifier and condition, one a seed, in order."""

    phase: protocol.Phase
    preset: str
    images: pd.DataFrame
    seeds: dict[Key, list[int]]
    scores: dict[Key, list[Scores]]
    dispersion: dict[Key, list[pd.DataFrame]]

    def tests(self) -> Iterator[tuple[str, np.ndarray]]:
        """The test sets that there are, with the places of their images."""
        for test in self.phase.tests:
            if (here := np.flatnonzero(self.images["test_set"] == test.name)).size:
                yield test.name, here

    def logits(self, key: Key, path: str) -> np.ndarray:
        """float32 [seeds, images]."""
        return np.stack([scores.paths[path] for scores in self.scores[key]])

    def said_fake(self, key: Key, view: str) -> np.ndarray:
        """bool [seeds, images]: the decisions at probability 0.5 on a path, or on altered images."""
        return np.stack([scores.said_fake(view) for scores in self.scores[key]])

    def correct(self, key: Key, view: str) -> np.ndarray:
        """bool [seeds, images]."""
        return self.said_fake(key, view) == (self.images["label"].to_numpy() == protocol.FAKE)

    def paths(self, key: Key) -> list[str]:
        return list(self.scores[key][0].paths)

    def altered(self, key: Key) -> list[str]:
        return list(self.scores[key][0].altered)


def read(results_dir: Path) -> list[Examined]:
    """The phases that have examined cells. Raises UserError where the files do not belong together."""
    folders = sorted((results_dir / "runs").glob(f"*/{IMAGES}"))
    found = (_phase(path.parent) for path in folders)
    return [phase for phase in found if phase.scores]


def _phase(folder: Path) -> Examined:
    images = pd.read_csv(folder / IMAGES, keep_default_na=False)
    phase = Examined(_known(folder), _preset(folder), images, {}, {}, {})
    for classifier in protocol.CLASSIFIERS:
        for condition in protocol.CONDITIONS:
            _add(phase, folder / condition / classifier, (classifier, condition))
    return phase


def _add(phase: Examined, folder: Path, key: Key) -> None:
    done = sorted(folder.glob(f"seed-*/{cells.EXAMINATION}/{cells.METRICS}"), key=_seed)
    for path in done:
        scores = Scores.read(path.parent / SCORES)
        if scores.count != len(phase.images):
            raise UserError(f"{path.parent} was not examined on the images of {IMAGES}; delete it and run `examine`.")
        phase.seeds.setdefault(key, []).append(_seed(path))
        phase.scores.setdefault(key, []).append(scores)
        phase.dispersion.setdefault(key, []).append(pd.read_csv(path.parent / DISPERSION))


def _seed(path: Path) -> int:
    return int(path.parent.parent.name.removeprefix("seed-"))


def _preset(folder: Path) -> str:
    return read_json(next(folder.glob(f"*/*/seed-*/{cells.METRICS}")))["preset"]


def _known(folder: Path) -> protocol.Phase:
    return protocol.phases(_preset(folder))[folder.name]
