"""Phases out of sources: which image is in which split.

Images are dealt from pools, one a source and class, in the order of a hash of their content: test sets from the
front, validation and training from the back (training from the official training set where a source has
one). Identical images are neighbours in that order and go to one side together.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES, FAKE, REAL, Counts, Phase, Steps
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared
from cifake_keras.sources.arrays import Rows
from cifake_keras.sources.prepared import Prepared

TRAIN, VALIDATION = "train", "validation"

# How many images of each split a source gives to a class: {(source, label): {split: images}}.
Shares = dict[tuple[str, int], Counter]


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
        """[len(order), 32, 32, 3]: the images at the positions of `order`; uint8, or float16 after steps."""
        taken = np.empty((len(order), protocol.IMAGE_SIZE, protocol.IMAGE_SIZE, 3), self.dtype)
        stores, rows = (column[order] for column in self._places)
        for number, images in enumerate(self.stores.values()):
            here = stores == number
            taken[here] = images[rows[here]]
        return taken

    def with_images(self, images: np.ndarray | Rows, steps: Steps = ()) -> "ImageSet":
        """The same examples with other images, [len(self), 32, 32, 3], which have taken `steps`."""
        return ImageSet(self.examples.assign(source="", row=np.arange(len(self))), {"": images}, steps)

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
    pools = _pools(phase, data_dir, kernel, validation_files, seed)
    shares = _shares(phase, preset, {key: pool.sizes() for key, pool in pools.items()})
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
        {split: _shared(sets[TRAIN], images) for split, images in sets.items() if split != TRAIN},
    )


def read_validation_files(folder: Path | None) -> frozenset[str]:
    """The authors' lists val_real_filenames.csv and val_fake_filenames.csv, a name a line; without a folder, none."""
    names = set()
    for label in CLASSES if folder else ():
        path = folder / f"val_{label.lower()}_filenames.csv"
        if not path.is_file():
            raise UserError(f"{path} is not there; --validation-files names a folder with both of the authors' lists.")
        names.update(f"{label}/{line.strip()}" for line in path.read_text().splitlines() if line.strip())
    return frozenset(names)


def digest(validation_files: frozenset[str]) -> str | None:
    """The SHA-256 of a validation list, for the record; None where there is none."""
    return hashlib.sha256("\n".join(sorted(validation_files)).encode()).hexdigest() if validation_files else None


@dataclass(frozen=True)
class _Pool:
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

    def deal(self, share: Counter) -> dict[str, pd.DataFrame]:
        left, dealt = self.held_out, {}
        for split in (name for name in share if name not in (TRAIN, VALIDATION)):
            dealt[split], left = self._take(left, share[split])
        dealt[VALIDATION], left = self._take(left[::-1], share[VALIDATION])
        dealt[TRAIN], _ = self._take(self.train[::-1] if self.official else left, share[TRAIN])
        return {split: self.source.examples.loc[rows].assign(row=rows) for split, rows in dealt.items()}

    def _take(self, rows: list[int], count: int) -> tuple[list[int], list[int]]:
        """The first `count` rows and the rest; a group of identical images that does not fit is passed over."""
        digests = self.source.examples["digest"].to_numpy()
        taken, rest = [], []
        for _, identical in groupby(rows, key=digests.__getitem__):
            group = list(identical)
            (taken if len(taken) + len(group) <= count else rest).extend(group)
        return taken, rest


def _pools(phase, data_dir, kernel, validation_files, seed) -> dict[tuple[str, int], _Pool]:
    pools = {}
    for name in dict.fromkeys(draw.source for draw in phase.draws()):
        dataset = protocol.SOURCES[name].dataset
        if prepared.find(data_dir, dataset) is None:
            continue
        source = prepared.load(data_dir, dataset, kernel)
        source.examples["source"] = name
        for label in np.unique(source.examples["label"]):
            pools[name, int(label)] = _pool(source, int(label), validation_files if name == "CIFAKE" else (), seed)
    return pools


def _pool(source: Prepared, label: int, validation_files, seed: int) -> _Pool:
    examples = source.examples[source.examples["label"] == label]
    keys = [hashlib.sha256(f"{seed}:{digest}".encode()).digest() for digest in examples["digest"]]
    examples = examples.assign(key=keys).sort_values(["key", "filename"])
    if "test" not in set(examples["split"]):
        rows = examples.index.to_list()
        return _Pool(source, rows, rows)
    test = examples[examples["split"] == "test"]
    listed = test["filename"].str.removeprefix("test/").isin(validation_files)
    held_out = [*test.index[~listed], *test.index[listed]]
    return _Pool(source, held_out, examples.index[examples["split"] == "train"].to_list())


def _counts(phase: Phase) -> dict[str, Counts]:
    return {TRAIN: phase.train, **{test.name: test.counts for test in phase.tests}}


def _wanted(phase: Phase) -> Shares:
    wanted: Shares = {}
    for split, counts in _counts(phase).items():
        for label in (REAL, FAKE):
            for draw in counts.of(label):
                wanted.setdefault((draw.source, label), Counter())[split] += draw.images
    return wanted


def _shares(phase: Phase, preset: str, sizes: dict) -> Shares:
    """What each pool gives: the protocol's counts, or in preset `available` what there is, evenly by class."""
    wanted = _wanted(phase)
    shares = {key: _fit(share, *sizes.get(key, (0, None))) for key, share in wanted.items()}
    short = {key for key in wanted if shares[key] != _with_validation(wanted[key])}
    if short and preset == "paper":
        raise UserError(_what_is_missing(phase, wanted, sizes, short))
    if short:
        _balance(shares)
    return shares


def _with_validation(share: Counter) -> Counter:
    validation = round(share[TRAIN] * protocol.VALIDATION_SHARE)
    return share + Counter({VALIDATION: validation}) - Counter({TRAIN: validation})


def _fit(wanted: Counter, held_out: int, train: int | None) -> Counter:
    """`wanted` cut down to what a pool has. A pool that falls short gives its tests a third, or what they want."""
    share = _with_validation(wanted)
    tests = sum(wanted.values()) - wanted[TRAIN]
    if train is not None:
        fits = min(1.0, held_out / (tests + share[VALIDATION]))
        return Counter({split: min(train, n) if split == TRAIN else int(n * fits) for split, n in share.items()})
    if held_out >= sum(wanted.values()):
        return share
    to_tests = min(tests, int(held_out * protocol.TEST_SHARE) if wanted[TRAIN] else held_out)
    cut = {split: n * to_tests // tests for split, n in wanted.items() if split != TRAIN}
    return _with_validation(Counter({TRAIN: min(wanted[TRAIN], held_out - to_tests)}) + Counter(cut))


def _balance(shares: Shares) -> None:
    """Thins the larger class of every split, each source in proportion, until both classes are equal."""
    for split in {split for share in shares.values() for split in share}:
        totals = [sum(share[split] for (_, of), share in shares.items() if of == label) for label in (REAL, FAKE)]
        larger = REAL if totals[REAL] > totals[FAKE] else FAKE
        keys = [key for key in shares if key[1] == larger and shares[key][split]]
        left, target = totals[larger], min(totals)
        for key in keys:
            thinned = round(shares[key][split] * target / left)
            left, target = left - shares[key][split], target - thinned
            shares[key][split] = thinned


def _what_is_missing(phase: Phase, wanted: Shares, sizes: dict, short: set) -> str:
    lines = [f"{phase.title} of preset paper lacks images (preset available takes what there is):"]
    for source, label in sorted(short):
        total = sum(wanted[source, label].values())
        held_out, train = sizes.get((source, label), (0, None))
        lines.append(f"  {source} {CLASSES[label]}: {total:,} wanted, {held_out + (train or 0):,} there;")
        lines.append(f"    {protocol.SOURCES[source].command}")
    return "\n".join(lines)


def _image_set(parts: list[pd.DataFrame], stores: dict[str, Rows]) -> ImageSet:
    examples = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    used = set(examples["source"]) if len(examples) else ()
    return ImageSet(examples, {source: images for source, images in stores.items() if source in used})


def _record(pools: dict, sets: dict[str, ImageSet]) -> list[dict]:
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


def _shared(train: ImageSet, images: ImageSet) -> int:
    return int(images.examples["digest"].isin(train.examples["digest"]).sum())
