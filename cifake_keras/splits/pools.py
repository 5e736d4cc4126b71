"""The images of a source and class, in the order in which they are dealt: that of a hash of their content.

Test sets come from the front, validation and training from the back (training from the official training set where a
source has one). Identical images are neighbours in that order and go to one side together.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import TRAIN, VALIDATION, Draw
from cifake_keras.sources import prepared
from cifake_keras.sources.prepared import Prepared


@dataclass(frozen=True)
class Pool:
    """One class of a source. held_out and train are one list, unless the source has an official split."""

    source: Prepared
    held_out: list[int]
    train: list[int]

    @property
    def official(self) -> bool:
        return self.held_out is not self.train

    def sizes(self) -> tuple[int, int | None]:
        """Images held out, images for training (None: both come out of one list)."""
        return len(self.held_out), len(self.train) if self.official else None

    def deal(self, share: Counter[str]) -> dict[str, pd.DataFrame]:
        """The examples of each split, as many as its share says."""
        left, dealt = self.held_out, {}
        for split in (name for name in share if name not in (TRAIN, VALIDATION)):
            dealt[split], left = self._take(left, share[split])
        dealt[VALIDATION], left = self._take(left[::-1], share[VALIDATION])
        dealt[TRAIN], _ = self._take(self.train[::-1] if self.official else left, share[TRAIN])
        return {split: self.source.examples.loc[rows].assign(row=rows) for split, rows in dealt.items()}

    def _take(self, rows: list[int], count: int) -> tuple[list[int], list[int]]:
        """The first `count` rows and the rest; a group of identical images that does not fit is passed over."""
        digests = self.source.examples["digest"].to_numpy()
        taken: list[int] = []
        rest: list[int] = []
        for _, identical in groupby(rows, key=digests.__getitem__):
            group = list(identical)
            (taken if len(taken) + len(group) <= count else rest).extend(group)
        return taken, rest


def read_pools(
    draws: Iterable[Draw], data_dir: Path, kernel: str, validation_files: frozenset[str] = frozenset(), seed: int = 0
) -> dict[tuple[str, int], Pool]:
    """The prepared sources of `draws`, class by class: {(source, label): pool}. Arguments: as `composition.compose`."""
    pools = {}
    for name in dict.fromkeys(draw.source for draw in draws):
        dataset = protocol.SOURCES[name].dataset
        if prepared.find(data_dir, dataset) is None:
            continue
        source = prepared.load(data_dir, dataset, kernel)
        source.examples["source"] = name
        for label in np.unique(source.examples["label"]):
            pools[name, int(label)] = _pool(source, int(label), validation_files, seed)
    return pools


def _pool(source: Prepared, label: int, validation_files: frozenset[str], seed: int) -> Pool:
    examples = source.examples[source.examples["label"] == label]
    keys = [hashlib.sha256(f"{seed}:{digest}".encode()).digest() for digest in examples["digest"]]
    examples = examples.assign(key=keys).sort_values(["key", "filename"])
    if "test" not in set(examples["split"]):
        rows = examples.index.to_list()
        return Pool(source, rows, rows)
    test = examples[examples["split"] == "test"]
    listed = test["filename"].str.removeprefix("test/").isin(validation_files)
    held_out = [*test.index[~listed], *test.index[listed]]
    return Pool(source, held_out, examples.index[examples["split"] == "train"].to_list())
