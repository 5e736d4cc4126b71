"""Which of the study's sources are prepared. Imports no TensorFlow."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cifake_keras.protocol import SOURCES, Source, uses, wanted
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared
from cifake_keras.sources.fetching.origins import ORIGINS

_UNUSED = ["no phase of the paper"]


@dataclass(frozen=True)
class Entry:
    """A source, or the sources that one command makes. uses: a line a phase. size: in bytes, with arrays.

    command: what prepares it, "" where it is none of the study's. begun: whether a preparation or a fetch was cut off.
    """

    title: str
    uses: list[str]
    images: int
    wanted: int
    size: int
    command: str = ""
    begun: bool = False

    @property
    def state(self) -> str:
        if self.images and self.images >= self.wanted:
            return "ready"
        return "incomplete" if self.images or self.begun else "absent"

    @property
    def count(self) -> str:
        """How many images, and of how many where some are missing."""
        enough = self.images >= self.wanted
        return f"{self.images:,}" if enough else f"{self.images:,} of {self.wanted:,}"


def entries(data_dir: Path) -> list[Entry]:
    """The sources of the study, then the other data sets that are prepared below `data_dir`."""
    available = prepared.available(data_dir)
    listed = []
    for command, group in groupby(SOURCES.values(), key=lambda source: source.command):
        sources = list(group)
        images = sum(available.pop(source.dataset, 0) for source in sources)
        title, used = sources[0].name, uses(sources[0].name) or _UNUSED
        if len(sources) > 1:
            title, used = sources[0].dataset.partition("/")[0], [f"the demo ({len(sources)} recipes)"]
        size = sum(_size(data_dir / source.dataset) for source in sources)
        begun = any(_begun(data_dir, source) for source in sources)
        total = sum(wanted(source.name) for source in sources)
        listed.append(Entry(title, used, images, total, size, command, begun))
    return [*listed, *(_other(data_dir, name, images) for name, images in available.items())]


def _other(data_dir: Path, dataset: str, images: int) -> Entry:
    return Entry(dataset, _UNUSED, images, 0, _size(data_dir / dataset))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _begun(data_dir: Path, source: Source) -> bool:
    cut_off = any((data_dir / source.dataset).glob("incomplete.*"))
    return cut_off or (source.name in ORIGINS and ORIGINS[source.name].begun(data_dir / "downloads"))


def chosen(data_dir: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """The folders, by data set, of the prepared data sets that have one of `names`; of all without names.

    A data set has its own name (image_folder/sdv15), its builder's and its source's (SDv1.5). Raises UserError where
    no data set has a name, or none is prepared.
    """
    folders = prepared.folders(data_dir)
    names_of = {dataset: {dataset, dataset.partition("/")[0]} for dataset in folders}
    for source in SOURCES.values():
        names_of.get(source.dataset, set()).add(source.name)
    absent = set(names).difference(*names_of.values())
    if absent or not folders:
        raise UserError(f"{data_dir} holds no {', '.join(sorted(absent)) or 'data'}; see: cifake-keras data list")
    return {dataset: folders[dataset] for dataset, own in names_of.items() if not names or own & set(names)}
