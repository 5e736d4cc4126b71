"""The package's own images as TFDS data sets, one a recipe of `scenes`. Never the paper's data."""

from collections.abc import Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from cifake_keras.protocol import wanted
from cifake_keras.sources import entries, reading, scenes
from cifake_keras.sources.builder import SourceBuilder
from cifake_keras.sources.entries import Entry

PHOTOGRAPHS = ("camera", "telephone")


class Procedural(SourceBuilder):
    """One config a recipe; needs no archive."""

    VERSION = tfds.core.Version("2.0.0")  # 1.0.0 had other images
    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name=recipe) for recipe in scenes.RECIPES]

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, dict]]]:
        recipe = self.builder_config.name
        label, generator = ("REAL", "") if recipe in PHOTOGRAPHS else ("FAKE", recipe)
        count = wanted(recipe)
        names = (f"{recipe}/{number:05d}.png" for number in range(count))
        contents = (
            (Entry(name, "train", name, label, generator), reading.encode_png(image))
            for name, image in zip(names, scenes.stream(recipe, count), strict=True)
        )
        return {"train": self.kept(entries.outcomes(contents), count)}
