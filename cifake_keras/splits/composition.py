"""Phases out of sources: which image is in which split."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES, FAKE, REAL, TRAIN, VALIDATION, Phase, Steps, TestSet
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.text import lines
from cifake_keras.sources.arrays import Rows
from cifake_keras.splits.pools import Pool, read_pools
from cifake_keras.splits.shares import deal_shares


@dataclass(frozen=True)
class ImageSet:
    """A split. examples: a row an image, with the columns of a prepared source and `source`, `row`.

    steps: what its images have been put through.
    """

    examples: pd.DataFrame
    stores: Mapping[str, np.ndarray | Rows]
    steps: Steps = ()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def labels(self) -> np.ndarray:
        """int64 [n]: 0 REAL, 1 FAKE."""
        return self.examples["label"].to_numpy()

    @property
    def dtype(self) -> np.dtype:
        return next(iter(self.stores.values())).dtype

    def count(self, label: int) -> int:
        return int((self.labels == label).sum())

    def images(self, order: np.ndarray) -> np.ndarray:
        """[len(order), 32, 32, 3]: the images at the positions of `order`; uint8, or float16 after steps.

        [len(order), n] where the last step gave features.
        """
        taken = np.empty((len(order), *protocol.output_shape(self.steps)), self.dtype)
        stores, rows = (column[order] for column in self._places)
        for number, images in enumerate(self.stores.values()):
            its = stores == number
            taken[its] = images[rows[its]]
        return taken

    def with_images(self, images: np.ndarray | Rows, steps: Steps = ()) -> "ImageSet":
        """The same examples with other images, [len(self), 32, 32, 3] or features, which have taken `steps`."""
        return ImageSet(self.examples.assign(source="", row=np.arange(len(self))), {"": images}, steps)

    def subset(self, places: np.ndarray) -> "ImageSet":
        """Those at the positions of `places`, in that order."""
        return ImageSet(self.examples.iloc[places].reset_index(drop=True), self.stores, self.steps)

    def replaced(self, places: np.ndarray, images: np.ndarray) -> "ImageSet":
        """The same examples, those at the positions of `places` with other images, [len(places), 32, 32, 3]."""
        examples = self.examples.copy()
        examples.iloc[places, examples.columns.get_indexer(["source", "row"])] = [
            ("replaced", row) for row in range(len(places))
        ]
        return ImageSet(examples, {**self.stores, "replaced": images}, self.steps)

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each example: the number of its store, and its row in there."""
        numbers = {source: number for number, source in enumerate(self.stores)}
        return self.examples["source"].map(numbers).to_numpy(np.int64), self.examples["row"].to_numpy(np.int64)


@dataclass(frozen=True)
class PhaseImages:
    """A phase with its images. data: name, size, fingerprint and use of each source, for the record.

    shared: by split, how many of its images are in the training set too (the official split has some).
    """

    phase: Phase
    train: ImageSet
    validation: ImageSet
    tests: dict[str, ImageSet]
    data: list[dict]
    shared: dict[str, int]


def compose(
    phase: Phase,
    preset: str,
    data_dir: Path,
    kernel: str = protocol.KERNELS[0],
    validation_files: frozenset[str] = frozenset(),
    seed: int = 0,
) -> PhaseImages:
    """Deals the prepared sources below `data_dir` out to the splits of `phase`.

    validation_files: names like "FAKE/427 (7).jpg" of CIFAKE's test folder that are kept for validation.
    Raises UserError where preset `paper` lacks images, or nothing is left to train on.
    """
    pools = read_pools(phase.draws(), data_dir, kernel, validation_files, seed)
    shares = deal_shares(phase, preset, {key: pool.sizes() for key, pool in pools.items()})
    dealt = {key: pools[key].deal(share) for key, share in shares.items() if key in pools}
    stores = {source: pool.source.images for (source, _), pool in pools.items()}
    splits = [TRAIN, VALIDATION, *(test.name for test in phase.tests)]
    sets = {split: _image_set([parts[split] for parts in dealt.values() if split in parts], stores) for split in splits}
    sets = {split: images for split, images in sets.items() if len(images)}
    if not {TRAIN, VALIDATION} <= sets.keys():
        raise UserError(
            f"{data_dir} has no images of both classes to train {phase.title} on; see: cifake-keras data list"
        )
    return PhaseImages(
        phase,
        sets[TRAIN],
        sets[VALIDATION],
        {test.name: sets[test.name] for test in phase.tests if test.name in sets},
        _record(pools, sets),
        {split: shared_images(sets[TRAIN], images) for split, images in sets.items() if split != TRAIN},
    )


def compose_test(test: TestSet, data_dir: Path, kernel: str) -> tuple[ImageSet, list[dict]]:
    """A test set by itself, of what there is of its sources, and their record as PhaseImages.data has it."""
    pools = read_pools(test.counts.draws(), data_dir, kernel)
    wanted = {(draw.source, label): draw.images for label in (REAL, FAKE) for draw in test.counts.of(label)}
    dealt = [pool.deal(Counter({test.name: wanted[key]}))[test.name] for key, pool in pools.items()]
    images = _image_set(dealt, {source: pool.source.images for (source, _), pool in pools.items()})
    return images, _record(pools, {test.name: images})


def read_validation_files(folder: Path | None) -> frozenset[str]:
    """The authors' lists val_real_filenames.csv and val_fake_filenames.csv, a name a line; without a folder, none."""
    if folder is None:
        return frozenset()
    names: set[str] = set()
    for label in CLASSES:
        path = folder / f"val_{label.lower()}_filenames.csv"
        if not path.is_file():
            raise UserError(f"{path} is not there; --validation-files names a folder with both of the authors' lists.")
        names.update(f"{label}/{line.strip()}" for line in lines(path.read_bytes(), str(path)) if line.strip())
    return frozenset(names)


def digest(validation_files: frozenset[str]) -> str | None:
    """The SHA-256 of a validation list, for the record; None where there is none."""
    listed = "\n".join(sorted(validation_files)).encode(errors="surrogateescape")
    return hashlib.sha256(listed).hexdigest() if validation_files else None


def _image_set(parts: list[pd.DataFrame], stores: Mapping[str, np.ndarray | Rows]) -> ImageSet:
    examples = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    used = set(examples["source"]) if len(examples) else ()
    return ImageSet(examples, {source: images for source, images in stores.items() if source in used})


def _record(pools: Mapping[tuple[str, int], Pool], sets: dict[str, ImageSet]) -> list[dict]:
    record = []
    for name in dict.fromkeys(source for source, _ in pools):
        source = next(pool.source for (of, _), pool in pools.items() if of == name)
        used = {split: images.examples[images.examples["source"] == name] for split, images in sets.items()}
        splits = {
            split: {title: int((examples["label"] == label).sum()) for label, title in enumerate(CLASSES)}
            for split, examples in used.items()
            if len(examples)
        }
        record.append(
            {"name": name, "images": len(source.examples), "fingerprint": source.fingerprint, "splits": splits}
        )
    return record


def shared_images(train: ImageSet, images: ImageSet) -> int:
    """How many of `images` are in the training set too, pixel for pixel."""
    return int(images.examples["digest"].isin(train.examples["digest"]).sum())
