"""What candidates for a detector are trained and tested on, by the rule of docs/protocol.md."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cifake_keras.conditions import path, weights
from cifake_keras.protocol import FAKE, FAMILIES, KERNELS, SOURCES, TEST_PHOTOGRAPHS, TRAINING_PHOTOGRAPHS, Step
from cifake_keras.sources import prepared
from cifake_keras.splits.composition import ImageSet

ONE_IN = 5  # training images validates


def images_of(sources: Iterable[str], kernels: Iterable[str], data_dir: Path) -> ImageSet:
    """All images of the sources, each resized by each of the kernels, which its `kernel` names."""
    parts, stores = [], {}
    for source, kernel in product(sources, kernels):
        loaded, store = prepared.load(data_dir, SOURCES[source].dataset, kernel), f"{source}, {kernel}"
        stores[store] = loaded.images
        parts.append(loaded.examples.assign(kernel=kernel, source=store, row=np.arange(len(loaded.examples))))
    return ImageSet(pd.concat(parts, ignore_index=True), stores)


def learned(family: str | None, data_dir: Path) -> tuple[ImageSet, ImageSet]:
    """What a candidate trains on and what validates it: the fakes of all families but that one, and photographs.

    Of these as many as there are fakes. All are there under all kernels.
    """
    fakes = [source for name, sources in FAMILIES.items() if name != family for source in sources]
    images = images_of([*fakes, TRAINING_PHOTOGRAPHS], KERNELS, data_dir)
    held = images.examples["digest"].map(validates).to_numpy(bool)
    training, validation = (balanced(images.subset(np.flatnonzero(split))) for split in (~held, held))
    return training, validation


def validates(digest: str) -> bool:
    """Whether a training image of that digest validates."""
    return int(digest[:8], 16) % ONE_IN == 0


def balanced(images: ImageSet) -> ImageSet:
    """With as many photographs as fakes, the first by digest; of a photograph all kernels or none."""
    fake = images.labels == FAKE
    photographs = np.unique(images.examples["digest"][~fake])
    kept = photographs[: images.examples["digest"][fake].nunique()]
    return images.subset(np.flatnonzero(fake | images.examples["digest"].isin(kept)))


def unseen(family: str, data_dir: Path) -> ImageSet:
    """The fakes of a family and the photographs of the tests, under all kernels."""
    return images_of([*FAMILIES[family], TEST_PHOTOGRAPHS], KERNELS, data_dir)


def pretrained(step: Step, data_dir: Path) -> keras.Model:
    """The network of a step, with the weights that were prepared for it. Raises UserError where there are none."""
    network = path.build(step)
    network.load_weights(weights.prepared(step.weights, data_dir))
    return network


def joined(*sets: ImageSet) -> ImageSet:
    """All their images, in that order."""
    examples = pd.concat([of.examples for of in sets], ignore_index=True)
    return ImageSet(examples, {name: store for of in sets for name, store in of.stores.items()})
