"""Where each data set of the study is fetched, and the digest that it must have."""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cifake_keras.protocol import SOURCES, Weights, wanted
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.sources import reading, walk
from cifake_keras.sources.fetching.download import Unavailable, download
from cifake_keras.sources.fetching.kaggle import fetch_dataset
from cifake_keras.sources.fetching.multipart import fetch_images, parts_of

_HUGGING_FACE = "https://huggingface.co"
_FAKE2M = "InfImagine/FakeImageDataset"

# `contents` of CIFAKE, wherever it comes from.
_CIFAKE = "60f9d3e5e6713ec65593bfee66b23cc96694430788dac52f94c6dcb2e2841a14"


@dataclass(frozen=True)
class Archive:
    """A zip archive at an address.

    contents: the SHA-256 over the sorted SHA-256 digests of the images that the source takes of it, whatever their
    names; unchecked where empty.
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
        if problem := self._problem(source, target):
            target.unlink()
            raise UserError(
                f"{self.address} gave {problem}, which was deleted; run again, or fetch it by hand and use --from."
            )
        return target

    def _problem(self, source: str, target: Path) -> str | None:
        if not zipfile.is_zipfile(target):
            return "no whole zip archive"
        if self.contents and _contents_digest(source, target) != self.contents:
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
        if _contents_digest(source, cached) != self.contents:
            raise UserError(
                f"{cached} holds other images than those published; delete it and run again, or leave --kaggle out."
            )
        return cached


def _github(repository: str, commit: str, file: str, contents: str) -> Archive:
    return Archive(f"https://codeload.github.com/{repository}/zip/{commit}", file, contents)


def _drawbench(contents: str) -> Archive:
    commit = "910c6df62e32198fd208cc2fb9c5c24f7346d400"
    return _github("kennymckormick/DrawBench-Glance", commit, "drawbench-glance.zip", contents)


def _anatomy(contents: str) -> Archive:
    commit = "dcd43c507103098cdb6cc1c2e6a1d794ca1de587"
    return _github("hastingslab-org/ai-human-images", commit, "ai-human-images.zip", contents)


ORIGINS: dict[str, Archive | Parts] = {
    "CIFAKE": _github(
        "jordan-bird/CIFAKE-Real-and-AI-Generated-Synthetic-Images",
        "e112a942abaecd02b6b1f6f646c807d56be8fb62",
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
    "ImageNet native": _github(
        "ajschumacher/imagen",
        "2e8718956e3bb046db9a8e488c2254fd9846b6c5",
        "imagen.zip",
        "fe6c8ac8e6049248cd2d5a35b54471514a92da80f4932f39b3eeb17cb1b6b54e",
    ),
    "VOC": _github(
        "mateusrafael4/Atividade_programacao_pose_estimation",
        "dab5c74036184926803e5edcf2082b71e0c85c86",
        "voc-pose.zip",
        "9542dca6fd1b1337c69116d0081b72a58e175e52eb61a24f636893b72a9395fd",
    ),
    "DrawBench SDv1.4": _drawbench("93cd88d092c934d28b647fba99df0416a4db16b7ecffd92896bac550f86add66"),
    "DrawBench SDv1.5": _drawbench("1fb3c8ea4cd680cfc5ff9cf5342840bdda03e282bae07e1beb130e52f931cdde"),
    "DrawBench SDv2.1": _drawbench("c7ed7a39eca7ee3fa187b0535bb0bfe45687c30bf1be7bfbc21f26555a456699"),
    "SDv1.1": _github(
        "bento170502/stable-diffusion",
        "8cb7a688af684a0b21b2c5054249b9d1707543d6",
        "sd-bento170502.zip",
        "d9dfc5a7d8d65fa9883d8eec4392e06e70dc3b394cb1020db28577e55f517061",
    ),
    "SDv1 Extile1": _github(
        "Extile1/stable-diffusion",
        "0744c5d660143ca5f20c3b8363e512c2f6b95a64",
        "sd-extile1.zip",
        "d3eda71ab35e25e5bdc1fd470d65e004ef71c7bfb5217c8c60657beb0215acc0",
    ),
    "SDv1 JoshCLWren": _github(
        "JoshCLWren/stable-diffusion",
        "440bbe345e4cf318f51ed9ac26b3288555e51fef",
        "sd-joshclwren.zip",
        "153c0cab5e0a605946a0178f4422c29742df331d42d87f86a178ec2fb1699988",
    ),
    "DALL-E 3": _anatomy("be1863772755fb4c7059fbcad18faa1c55ac2004c96f70d3272f3e649cd39f27"),
    "Stable Cascade": _anatomy("08bf34bdf20d4db6d3b712d138eb651a43bd0114b209b51436a1461010888dde"),
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


def fetch_weights(weights: Weights, folder: Path, mirror: str | None = None) -> Path:
    """Fetches the files of a network's weights into a folder of their own in `folder`, and returns that.

    mirror: as `fetch` takes it. Raises UserError where they cannot be fetched, or are not those that were published.
    """
    say(f"weights {weights.name}, from {weights.origin}\nlicence: {weights.licence}")
    target = folder / weights.name
    try:
        for file, digest in weights.files:
            download(_mirrored(f"{weights.origin}/{file}", mirror), target / file, digest=digest or None)
    except Unavailable as error:
        names = " and ".join(file for file, _ in weights.files)
        raise UserError(
            f"The weights {weights.name} cannot be fetched: {error}; fetch {names} from {weights.origin} by hand "
            "and give their folder with --from."
        ) from error
    return target


def _mirrored(address: str, mirror: str | None) -> str:
    return f"{mirror.rstrip('/')}/{address.partition('://')[2]}" if mirror else address


def _contents_digest(source: str, archive: Path) -> str:
    contents = reading.read(archive, list(filter(_members(source).search, walk.find(archive).images)))
    digests = sorted(hashlib.sha256(content).hexdigest() for _, content in contents if isinstance(content, bytes))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _members(source: str) -> re.Pattern[str]:
    """What the paths of the images end in that a source takes of its archive."""
    from cifake_keras.sources.cifake import LAYOUT  # imports TFDS, which commands that only list sources do without

    excerpt = SOURCES[source].excerpt
    return excerpt.pattern if excerpt else LAYOUT
