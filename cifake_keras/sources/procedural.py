"""The package's own images as TFDS data sets, one a recipe of `scenes`. Never the paper's data."""

from typing import ClassVar

import tensorflow_datasets as tfds

from cifake_keras.protocol import wanted
from cifake_keras.sources import reading, scenes
from cifake_keras.sources.builder import SourceBuilder

PHOTOGRAPHS = ("camera", "telephone")


class Procedural(SourceBuilder):
    """One config a recipe; needs nothing from outside."""

    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name=recipe) for recipe in scenes.RECIPES]

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(self.builder_config.name)}

    def _generate_examples(self, recipe):
        label, generator = ("REAL", "") if recipe in PHOTOGRAPHS else ("FAKE", recipe)
        images = scenes.images(recipe, wanted(recipe))
        examples = (
            (f"{recipe}/{number:05d}.png", reading.encode_png(image), label, generator)
            for number, image in enumerate(images)
        )
        return self.decoded(examples, len(images))
