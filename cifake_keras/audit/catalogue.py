"""All images of a phase's sources, used or not, with the split that each is in."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES
from cifake_keras.runtime.progress import track
from cifake_keras.sources import prepared
from cifake_keras.sources.prepared import Prepared
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet, PhaseImages

UNUSED = "unused"

_CHUNK = 2048


def read(data: PhaseImages, data_dir: Path) -> ImageSet:
    """Every image of the sources that `data` was composed of.

    The examples have, beside the columns of a split, `class` (REAL or FAKE), `used_in` (train, validation, a test
    set's name, or unused), and of the files FILE_COLUMNS and `native_pixels`.
    """
    parts = {composition.TRAIN: data.train, composition.VALIDATION: data.validation, **data.tests}
    used_in = pd.concat([part.examples[["source", "row"]].assign(used_in=name) for name, part in parts.items()])
    sources = {name: _source(data_dir, name) for name in (record["name"] for record in data.data)}
    examples = pd.concat(source.examples for source in sources.values())
    examples = examples.merge(used_in, how="left", on=["source", "row"]).fillna({"used_in": UNUSED})
    return ImageSet(examples, {name: source.images for name, source in sources.items()})


def _source(data_dir: Path, name: str) -> Prepared:
    """With the columns of `read` but `used_in`."""
    dataset = protocol.SOURCES[name].dataset
    source = prepared.load(data_dir, dataset, protocol.KERNELS[0])
    examples = source.examples.merge(prepared.originals(data_dir, dataset), how="left", on="filename")
    named = examples["label"].map(dict(enumerate(CLASSES)))
    pixels = examples["height"] * examples["width"]
    columns = {"source": name, "row": examples.index, "class": named, "native_pixels": pixels}
    return replace(source, examples=examples.assign(**columns))


def chunks(images: ImageSet, positions: np.ndarray, title: str) -> Iterator[np.ndarray]:
    """Yields uint8 [up to 2048, 32, 32, 3]: the images at `positions`, in that order."""
    starts = range(0, len(positions), _CHUNK)
    return (images.images(positions[start : start + _CHUNK]) for start in track(starts, title, len(starts)))
