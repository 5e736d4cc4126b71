"""Any folder or zip archive of images of one class: how a new generator, or new photographs, are added."""

import dataclasses
import re
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from cifake_keras.protocol import SOURCES
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.text import named
from cifake_keras.sources import walk
from cifake_keras.sources.builder import SourceBuilder
from cifake_keras.sources.entries import Entry

# A word in a folder's name: 0_real, AiArtData, trainFAKE.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_REAL = {"real", "reals", "nature", "natural", "authentic", "photo", "photos", "photograph", "photographs"}
_FAKE = {"fake", "fakes", "ai", "generated", "synthetic"}


def slug(title: str) -> str:
    """The name of a generator as part of a path: "SDv1.5" gives "sdv15"."""
    return re.sub(r"[^a-z0-9]+", "", title.lower())


@dataclasses.dataclass(eq=False)
class OneClass(tfds.core.BuilderConfig):
    """title: the generator's name, for instance "SDv1.5", or a name for the photographs. label: REAL or FAKE.

    The config's name is the title's slug.
    """

    name: str = ""
    title: str = ""
    label: str = "FAKE"

    def __post_init__(self) -> None:
        self.name, self.description = slug(self.title), self.title
        if not self.name:
            raise UserError(f"{self.title!r} has no letter a-z or digit to name a folder by; give another name.")


class ImageFolder(SourceBuilder):
    """One class of images: those of a generator (FAKE), or photographs (REAL).

    The study's generators are configs by name; `title` and `label` make another one.
    """

    BUILDER_CONFIGS: ClassVar = [
        OneClass(title=source.name) for source in SOURCES.values() if source.dataset.startswith("image_folder/")
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = "<config>.zip, or a folder <config>."

    def __init__(
        self, *, title: str | None = None, label: str = "FAKE", config: str | OneClass | None = None, **options: Any
    ):
        super().__init__(config=_config(title, label) if title else config, **options)

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        name, label = self.builder_config.name, self.builder_config.label
        origin = self.place(dl_manager, f"{name}.zip", name)
        found = walk.find(origin)
        if not found.images:
            instead = found.instead("name a folder or zip archive with some with --from")
            raise UserError(f"{origin} holds no images (JPEG, PNG, WebP, GIF or BMP); {instead}.")
        _check_one_class(origin, found.images)
        self.leave_out(found.left_out)
        generator = self.builder_config.title if label == "FAKE" else ""
        return {"train": [Entry(member, "train", member, label, generator) for member in found.images]}


def _check_one_class(origin: Path, members: list[str]) -> None:
    """Raises UserError where names of folders tell photographs from fakes: all images would get one label."""
    folders = {folder for member in members for folder in re.split(r"[/\\]", member)[:-1]}
    words = {folder: {word.lower() for word in _WORD.findall(folder)} for folder in sorted(folders)}
    fake = [folder for folder in words if words[folder] & _FAKE]
    real = [folder for folder in words if words[folder] & _REAL and folder not in fake]
    if real and fake:
        raise UserError(
            f"{origin} seems to hold photographs ({named(real)}) beside fakes ({named(fake)}), and all would be of one "
            "class; name the folder of one class with --from, and prepare the other by itself."
        )


def _config(title: str, label: str) -> OneClass:
    """The study's own config where it has one of that name: TFDS takes no second."""
    config = OneClass(title=title, label=label)
    known = ImageFolder.builder_configs.get(config.name, config)
    if known.label != label:
        raise UserError(f"{known.title} is a generator of the study; give the photographs another name.")
    return known
