"""Where each data set of the study is fetched, and the digest that it must have."""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cifake_keras.protocol import SOURCES, wanted
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.sources import reading, walk
from cifake_keras.sources.fetching.download import Unavailable, download
from cifake_keras.sources.fetching.kaggle import fetch_dataset
from cifake_keras.sources.fetching.multipart import fetch_images, parts_of

_HUGGING_FACE = "https://huggingface.co"
_FAKE2M = "InfImagine/FakeImageDataset"

# CIFAKE's `contents`, wherever it comes from.
_CIFAKE = "60f9d3e5e6713ec65593bfee66b23cc96694430788dac52f94c6dcb2e2841a14"


@dataclass(frozen=True)
class Archive:
    """A zip archive at an address.

    contents: the SHA-256 over the sorted SHA-256 digests of its images in CIFAKE's folders, whatever their names;
    unchecked where empty.
    """

    address: str
    file: str
    contents: str = ""

    def begun(self, folder: Path) -> bool:
        """Whether a fetch into `folder` was cut off."""
        return (folder / f"{self.file}.part").exists()

    def fetch(self, source: str, folder: Path, mirror: str | None) -> Path:
        target = folder / self.file
        download(_mirrored(self.address, mirror), target)
        if problem := self._problem(target):
            target.unlink()
            raise UserError(
                f"{self.address} gave {problem}, which was deleted; run again, or fetch it by hand and use --from."
            )
        return target

    def _problem(self, target: Path) -> str | None:
        if not zipfile.is_zipfile(target):
            return "no whole zip archive"
        if self.contents and _contents_digest(target) != self.contents:
            return "other images than those published"
        return None


@dataclass(frozen=True)
class Parts:
    """Archives in parts in a folder of Fake2M, of which only the images that the protocol wants are fetched."""

    folder: str

    @property
    def address(self) -> str:
        return f"{_HUGGING_FACE}/datasets/{_FAKE2M}/tree/main/{self.folder}"

    @property
    def file(self) -> str:
        return f"{self.folder.rpartition('/')[2]}.zip"

    def begun(self, folder: Path) -> bool:
        return parts_of(folder / self.file).exists()

    def fetch(self, source: str, folder: Path, mirror: str | None) -> Path:
        target = folder / self.file
        if not target.exists():
            fetch_images(_mirrored(_HUGGING_FACE, mirror), _FAKE2M, self.folder, wanted(source), target)
        return target


@dataclass(frozen=True)
class KaggleDataset:
    """A version of a data set on Kaggle, which lies unpacked in the cache of Kaggle's client. contents: as above."""

    handle: str
    contents: str

    @property
    def address(self) -> str:
        return f"https://www.kaggle.com/datasets/{self.handle}"

    def fetch(self, source: str, folder: Path, mirror: str | None) -> Path:
        cached = fetch_dataset(self.handle)
        if _contents_digest(cached) != self.contents:
            raise UserError(
                f"{cached} holds other images than those published; delete it and run again, or leave --kaggle out."
            )
        return cached


ORIGINS: dict[str, Archive | Parts] = {
    "CIFAKE": Archive(
        "https://codeload.github.com/jordan-bird/CIFAKE-Real-and-AI-Generated-Synthetic-Images/zip/e112a942ab",
        "cifake.zip",
        _CIFAKE,
    ),
    "ImageNet": Archive(
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        "tiny-imagenet-200.zip",
    ),
    "SDv1.5": Parts("ImageData/train/SDv15R-CC1M/SDv15R-dpmsolver-25-1M"),
    "IFv1": Parts("ImageData/train/IFv1-CC1M/IFv1-dpmsolver++-50-1M"),
    "SDv2.1": Parts("ImageData/val/SDv21-CC15K"),
    "CogView2": Parts("ImageData/val/cogview2-22K"),
}

ON_KAGGLE = {
    "CIFAKE": KaggleDataset("birdy654/cifake-real-and-ai-generated-synthetic-images/versions/3", _CIFAKE),
}


def fetch(dataset: str, folder: Path, mirror: str | None = None, kaggle: bool = False) -> Path:
    """Fetches the zip archive of `dataset` into `folder`, says under which licence, and returns its path.

    mirror: an address below which <host>/<path> is asked for, in place of the hosts themselves. kaggle: fetches from
    Kaggle, into the cache of its client, and returns the folder there. Raises UserError where the data set has no
    origin, cannot be fetched, or is not what was published.
    """
    source = next((source for source in SOURCES.values() if source.dataset == dataset), None)
    origins: Mapping[str, Archive | Parts | KaggleDataset] = ON_KAGGLE if kaggle else ORIGINS
    if source is None or source.name not in origins:
        raise UserError(f"{dataset} is not fetched: give the place of its folder or zip archive with --from.")
    origin = origins[source.name]
    say(f"{source.name}, from {origin.address}\nlicence: {source.licence}\ncite: {source.citation}")
    try:
        return origin.fetch(source.name, folder, mirror)
    except Unavailable as error:
        raise UserError(
            f"{source.name} cannot be fetched: {error}; run the command again to go on from there, or fetch "
            f"{origin.address} by hand and give its zip archive, or the folder with its images, with --from."
        ) from error


def _mirrored(address: str, mirror: str | None) -> str:
    return f"{mirror.rstrip('/')}/{address.partition('://')[2]}" if mirror else address


def _contents_digest(archive: Path) -> str:
    from cifake_keras.sources.cifake import LAYOUT  # imports TFDS, which commands that only list sources do without

    contents = reading.read(archive, list(filter(LAYOUT.search, walk.find(archive).images)))
    digests = sorted(hashlib.sha256(content).hexdigest() for _, content in contents if isinstance(content, bytes))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
