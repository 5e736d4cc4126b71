"""Any folder or zip archive of images of one class: how a new generator, or new photographs, are added."""

import re

import tensorflow_datasets as tfds

from cifake_keras.errors import UserError
from cifake_keras.sources import reading
from cifake_keras.sources.builder import SourceBuilder


class ImageFolder(SourceBuilder):
    """One class of images: those of a generator (FAKE), or photographs (REAL).

    title: the generator's name, for instance "SDv1.5", or a name for the photographs. label: REAL or FAKE.
    The data set's name is `image_folder/<slug of the title>`.
    """

    DESCRIPTION = "Images of one class out of a folder or archive."

    def __init__(self, *, title: str, label: str = "FAKE", **options):
        if not slug(title):
            raise UserError(f"{title!r} has no letter a-z or digit, which its folder is named by; give another name.")
        self.title, self.label = title, label
        super().__init__(config=tfds.core.BuilderConfig(name=slug(title), description=title), **options)

    def _split_generators(self, dl_manager):
        origin = self.origin or dl_manager.manual_dir
        members = reading.names(origin)
        if not members:
            raise UserError(f"{origin} holds no images (JPEG, PNG, WebP, GIF or BMP).")
        return {"train": self._generate_examples(origin, members)}

    def _generate_examples(self, origin, members):
        generator = self.title if self.label == "FAKE" else ""
        examples = ((name, content, self.label, generator) for name, content in reading.read(origin, members))
        return self.decoded("train", examples, len(members))


def slug(title: str) -> str:
    """The name of a generator as part of a path: "SDv1.5" gives "sdv15"."""
    return re.sub(r"[^a-z0-9]+", "", title.lower())
