"""Pairs of identical and of nearly identical images, wherever they lie."""

from collections.abc import Iterator

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cifake_keras.audit.catalogue import chunks
from cifake_keras.runtime.progress import task
from cifake_keras.splits.composition import ImageSet

EXACT, NEAR = "exact", "near"

# A near duplicate differs by at most so many bits of its perceptual hash, and by so much at 32x32: the root of
# the mean squared difference, in levels of 0 to 255.
MAX_BITS = 12
MAX_DISTANCE = 20.0


def find(images: ImageSet) -> pd.DataFrame:
    """A row a pair: kind (exact or near), first < second (positions in `images`), distance in levels.

    Exact duplicates have the same native pixels, by their digests; near ones are compared at 32x32. Of identical
    images one alone is compared with the others, so that a near pair is counted once.
    """
    digests = pd.factorize(images.examples["digest"])[0]
    exact = np.concatenate([*_pairs_of_equals(digests), np.empty((0, 2), np.int64)])
    distinct = np.unique(digests, return_index=True)[1]
    near = distinct[_candidates(_hashes(images, distinct))]
    near = np.sort(near, axis=1)
    distance = _distances(images, near)
    kept = distance <= MAX_DISTANCE
    return pd.concat([_frame(EXACT, exact, np.zeros(len(exact))), _frame(NEAR, near[kept], distance[kept])])


def count(pairs: pd.DataFrame, places: pd.Series) -> pd.DataFrame:
    """A row a kind and two places, in the order of their names: the pairs between them, and the groups these form.

    places: the name of each image's place, by position. A place without pairs of its own has a row that says so.
    """
    ends = np.sort([places.to_numpy(object)[pairs[end]] for end in ("first", "second")], axis=0)
    between = pairs.assign(place=ends[0], other=ends[1]).groupby(["kind", "place", "other"])
    counts = {(kind, place, place): (0, 0) for kind in (EXACT, NEAR) for place in places.unique()}
    counts |= {key: (len(members), _groups(members)) for key, members in between}
    rows = [(*key, *counts[key]) for key in sorted(counts)]
    return pd.DataFrame(rows, columns=["kind", "place", "other", "pairs", "groups"])


def _groups(pairs: pd.DataFrame) -> int:
    """How many groups of images there are, where a pair joins two."""
    images, nodes = np.unique(pairs[["first", "second"]].to_numpy(), return_inverse=True)
    edges = np.ones(len(pairs)), nodes.reshape(-1, 2).T
    return connected_components(coo_array(edges, shape=(len(images), len(images))))[0]


def _frame(kind: str, pairs: np.ndarray, distance: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"kind": kind, "first": pairs[:, 0], "second": pairs[:, 1], "distance": distance})


def _pairs_of_equals(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yields [n, 2] positions, first < second, of all pairs with equal keys: neighbours first, then ever farther."""
    order = np.argsort(keys, kind="stable")
    ordered, starts = keys[order], np.arange(len(keys))
    for step in range(1, len(keys)):
        starts = starts[starts + step < len(keys)]
        starts = starts[ordered[starts] == ordered[starts + step]]
        if not len(starts):
            return
        yield np.stack([order[starts], order[starts + step]], axis=1)


def _hashes(images: ImageSet, positions: np.ndarray) -> np.ndarray:
    """uint16 [n, 4]: 64 bits an image."""
    pixels = (image for chunk in chunks(images, positions, "Hashing") for image in chunk)
    bits = [imagehash.phash(Image.fromarray(image)).hash for image in pixels]
    return np.packbits(np.reshape(bits, (-1, 64)), axis=1).view(np.uint16)


def _candidates(hashes: np.ndarray) -> np.ndarray:
    """[n, 2] rows whose hashes are near: all pairs within 3 bits, and those of more that agree in one of four bands."""
    candidates = [np.empty((0, 2), np.int64)]
    with task("Comparing hashes", 4) as update:
        for band in range(4):
            for pairs in _pairs_of_equals(hashes[:, band]):
                differing = hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]
                bits = np.unpackbits(differing.view(np.uint8), axis=1).sum(axis=1)
                candidates.append(pairs[bits <= MAX_BITS])
            update(band + 1)
    return np.unique(np.concatenate(candidates), axis=0)


def _distances(images: ImageSet, pairs: np.ndarray) -> np.ndarray:
    sides = (chunks(images, side, "Comparing pixels") for side in pairs.T)
    squares = [((a.astype(np.float32) - b) ** 2).mean(axis=(1, 2, 3)) for a, b in zip(*sides, strict=True)]
    return np.sqrt(np.concatenate([*squares, np.empty(0)]))
