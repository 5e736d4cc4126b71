"""Any folder or zip archive of images of one class: how a new generator, or new photographs, are added."""

import dataclasses
import re
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from cifake_keras.protocol import SOURCES, Excerpt, Source
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.text import named
from cifake_keras.sources import recurrences, walk
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

    excerpt: what is taken of the origin; None takes all of it as it is. The config's name is the title's slug.
    """

    name: str = ""
    title: str = ""
    label: str = "FAKE"
    excerpt: Excerpt | None = None

    def __post_init__(self) -> None:
        self.name = slug(self.title)
        self.description = f"{self.title}, each image {self.excerpt.step}" if self.excerpt else self.title
        if not self.name:
            raise UserError(f"{self.title!r} has no letter a-z or digit to name a folder by; give another name.")

    def filename(self, member: str) -> str:
        """What an example is called; empty where the source does not take it."""
        if self.excerpt is None:
            return member
        match = self.excerpt.pattern.search(member)
        return match[1] if match else ""


def _of_study(source: Source) -> OneClass:
    return OneClass(title=source.name, label=source.excerpt.label if source.excerpt else "FAKE", excerpt=source.excerpt)


class ImageFolder(SourceBuilder):
    """One class of images: those of a generator (FAKE), or photographs (REAL).

    Those of the study are configs by name; `title` and `label` make another one.
    """

    BUILDER_CONFIGS: ClassVar = [
        _of_study(source) for source in SOURCES.values() if source.dataset.startswith("image_folder/")
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = "<config>.zip, or a folder <config>."

    def __init__(
        self, *, title: str | None = None, label: str = "FAKE", config: str | OneClass | None = None, **options: Any
    ):
        super().__init__(config=one_class(title, label) if title else config, **options)

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        config: OneClass = self.builder_config
        origin = self.place(dl_manager, f"{config.name}.zip", config.name)
        found = walk.find(origin)
        images = [member for member in found.images if config.filename(member)]
        if not images:
            kinds = f"of {config.title}" if found.images else "(JPEG, PNG, WebP, GIF or BMP)"
            instead = found.instead("name a folder or zip archive with some with --from")
            raise UserError(f"{origin} holds no images {kinds}; {instead}.")
        _check_one_class(origin, images)
        self.leave_out((name, reason) for name, reason in found.left_out if config.filename(name))
        return {"train": self._distinct([_entry(member, config) for member in images])}

    def _distinct(self, listed: list[Entry]) -> list[Entry]:
        """Without the images that the study has already."""
        recurring = recurrences.of(self.builder_config.title)
        names = {entry.filename for entry in listed}
        self.leave_out((name, reason) for name, reason in recurring.items() if name in names)
        return [entry for entry in listed if entry.filename not in recurring]


def _entry(member: str, config: OneClass) -> Entry:
    generator = config.title if config.label == "FAKE" else ""
    side = config.excerpt.side if config.excerpt else 0
    return Entry(member, "train", config.filename(member), config.label, generator, side)


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


def one_class(title: str, label: str) -> OneClass:
    """The study's own config where it has one of that name: TFDS takes no second. Raises UserError where that is of
    the other class."""
    config = OneClass(title=title, label=label)
    known = ImageFolder.builder_configs.get(config.name, config)
    if known.label != label:
        kinds = {"FAKE": "a generator", "REAL": "a set of photographs"}
        raise UserError(f"{known.title} is {kinds[known.label]} of the study; give yours another name.")
    return known
