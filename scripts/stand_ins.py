"""Archives of procedural images in the layouts of the study's real ones. Never the paper's data."""

import itertools
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from cifake_keras import protocol
from cifake_keras.protocol import CLASSES, FAKE, REAL, Phase
from cifake_keras.runtime import files
from cifake_keras.sources import scenes

# By source and class; each has a recipe of its own, so that no image is in two.
RECIPES = {
    ("CIFAKE", REAL): "camera",
    ("CIFAKE", FAKE): "nearest",
    ("ImageNet", REAL): "telephone",
    ("SDv1.5", FAKE): "bilinear",
    ("IFv1", FAKE): "transposed",
    ("SDv2.1", FAKE): "lowpass",
    ("CogView2", FAKE): "smooth_colour",
}

JOBS = 2


def write(phase: Phase, folder: Path) -> dict[str, Path]:
    """A zip archive for each source of the phase, with as many images as the phase takes. Returns them by source.

    They have the names that `cifake-keras data prepare all` looks for.
    """
    archives = {draw.source: folder / protocol.SOURCES[draw.source].archive for draw in phase.draws()}
    with ProcessPoolExecutor(JOBS, get_context("spawn")) as processes:
        list(processes.map(_write_archive, itertools.repeat(phase), archives, archives.values()))
    return archives


def _write_archive(phase: Phase, source: str, path: Path) -> None:
    # Threads for products so small, in processes that fill the cores, made it nine times slower.
    with threadpool_limits(1), files.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for label in (REAL, FAKE):
            names = list(_names(phase, source, label))
            images = scenes.images(RECIPES[source, label], len(names)) if names else ()
            for name, image in zip(names, images, strict=True):
                _write_jpeg(archive, name, image)


def _names(phase: Phase, source: str, label: int) -> Iterator[str]:
    train, held_out = _sizes(phase, source, label)
    for number in range(train + held_out):
        match source:
            case "CIFAKE":
                yield f"{'train' if number < train else 'test'}/{CLASSES[label]}/{number:05d}.jpg"
            case "ImageNet":
                folder = f"train/n{number % 200:08d}" if number % 11 else "val"
                yield f"tiny-imagenet-200/{folder}/images/{number:05d}.JPEG"
            case _:
                yield f"{number:05d}.jpg"


def _sizes(phase: Phase, source: str, label: int) -> tuple[int, int]:
    """Images to train on, and to validate and test on."""
    train = sum(draw.images for draw in phase.train.of(label) if draw.source == source)
    tests = sum(draw.images for test in phase.tests for draw in test.counts.of(label) if draw.source == source)
    validation = round(train * protocol.VALIDATION_SHARE)
    return train - validation, validation + tests


def _write_jpeg(archive: zipfile.ZipFile, name: str, image: np.ndarray) -> None:
    with archive.open(name, "w") as file:
        Image.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)
