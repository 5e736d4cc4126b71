"""What could make a result look better than it is: duplicate images, confounds, and what simple measures reach.

`run` writes, below a results folder, `audit/<phase>/`:

    audit.json        preset, kernel, number of images, tolerances, and the fingerprints of the data
    sources.csv       a row a source and class: images, native sizes, grey images
    files.csv         a row a source, class, format, subsampling and JPEG tables: images, median bytes
    duplicates.csv    a row a division into places, kind and two places: pairs, groups
    pairs.csv         a row a pair: kind, distance, and of both images source, class, split, used_in, filename
    confounds.csv     a row a test set and measure: how well it tells real from fake
    floor.csv         a row a logistic regression and test set: the CNN's metrics
    examples.npz      images, uint8 [n, 2, 32, 32, 3]: the pairs at `rows` of pairs.csv
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.audit import catalogue, confounds, duplicates, floor, measures
from cifake_keras.records import audits
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet

# The divisions of the images into places, within and between which duplicates are counted.
DIVISIONS = {
    "class": ["source", "class"],
    "official split": ["source", "class", "split"],
    "composed split": ["source", "class", "used_in"],
}

# So many pairs of each kind between two places of the composed splits are kept as pictures.
_EXAMPLES = 8


def run(phase: str, preset: str, data_dir: Path, results_dir: Path, validation_files: frozenset[str]) -> Path:
    """Reads every image of the phase's sources, used or not; returns the folder of what it wrote.

    Raises UserError as composition.compose does.
    """
    data = composition.compose(protocol.phases(preset)[phase], preset, data_dir, validation_files=validation_files)
    images = catalogue.read(data, data_dir)
    say(f"{len(images):,} images of {', '.join(images.stores)}")
    examples, tests = images.examples.join(measures.measure(images)), list(data.tests)
    places = {title: examples[columns].agg(" ".join, axis=1) for title, columns in DIVISIONS.items()}
    pairs = _ordered(duplicates.find(images), places["composed split"])
    described = _described(pairs, examples)
    tables = {
        "sources": _sources(examples),
        "files": _files(examples),
        "duplicates": _duplicates(pairs, places),
        "pairs": described,
        "confounds": confounds.rate(examples, tests),
        "floor": floor.fit(examples, tests),
    }
    settings = {
        "preset": preset,
        "phase": phase,
        "kernel": protocol.KERNELS[0],
        "validation_files": composition.digest(validation_files),
        "images": len(images),
        "max_bits": duplicates.MAX_BITS,
        "max_distance": duplicates.MAX_DISTANCE,
        "data": data.data,
    }
    folder = audits.folder(results_dir, phase)
    with files.replacing(folder) as temporary:
        temporary.mkdir()
        for name, table in tables.items():
            table.to_csv(temporary / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
        rows, pictures = _pictures(images, pairs, described)
        np.savez_compressed(temporary / audits.EXAMPLES, rows=rows, images=pictures)
        files.write_json(temporary / audits.SETTINGS, settings)
    return folder


def _sources(examples: pd.DataFrame) -> pd.DataFrame:
    return (
        examples.groupby(["source", "class"], sort=False)
        .agg(
            images=("row", "size"),
            min_width=("width", "min"),
            max_width=("width", "max"),
            min_height=("height", "min"),
            max_height=("height", "max"),
            grey=("grey", "sum"),
            near_grey=("near_grey", "sum"),
        )
        .astype(int)
        .reset_index()
    )


def _files(examples: pd.DataFrame) -> pd.DataFrame:
    """Of each source and class the most frequent kinds first."""
    kinds = examples.groupby(["source", "class", *confounds.CATEGORIES], sort=False)
    table = kinds.agg(images=("row", "size"), median_bytes=("bytes", "median")).reset_index()
    return table.sort_values("images", ascending=False).sort_values(["source", "class"], kind="stable")


def _ordered(pairs: pd.DataFrame, places: pd.Series) -> pd.DataFrame:
    """The nearest pairs first; the two ends of a pair by the names of their places."""
    swapped = places.loc[pairs["first"]].to_numpy() > places.loc[pairs["second"]].to_numpy()
    ends = np.where(swapped, pairs[["second", "first"]].to_numpy().T, pairs[["first", "second"]].to_numpy().T)
    pairs = pairs.assign(first=ends[0], second=ends[1])
    return pairs.sort_values(["kind", "distance", "first", "second"], ignore_index=True)


def _duplicates(pairs: pd.DataFrame, places: dict[str, pd.Series]) -> pd.DataFrame:
    counts = [duplicates.count(pairs, place).assign(division=title) for title, place in places.items()]
    return pd.concat(counts)[["division", "kind", "place", "other", "pairs", "groups"]]


def _described(pairs: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    columns = ["source", "class", "split", "used_in", "filename"]
    ends = [
        examples[columns].loc[pairs[end]].add_prefix(f"{end}_").reset_index(drop=True) for end in ("first", "second")
    ]
    return pd.concat([pairs[["kind", "distance"]], *ends], axis=1)


def _pictures(images: ImageSet, pairs: pd.DataFrame, described: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of `pairs`, and their images, uint8 [rows, 2, 32, 32, 3]."""
    places = [f"{end}_{column}" for end in ("first", "second") for column in ("source", "class", "used_in")]
    rows = described.groupby(["kind", *places]).head(_EXAMPLES).index
    ends = [images.images(pairs.loc[rows, end].to_numpy()) for end in ("first", "second")]
    return rows.to_numpy(), np.stack(ends, axis=1)
