"""The archives of the study's sources: found below a folder by their names, and prepared."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cifake_keras.protocol import SOURCES
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.sources import prepared


def prepare(folder: Path, data_dir: Path, **options: Any) -> None:
    """Prepares each source whose archive lies somewhere below `folder`, and names the archives that are absent.

    options: further ones of `prepared.prepare`. Raises UserError where there is no such folder, or no archive in it.
    """
    archives = find(folder)
    for archive, sources in _archives().items():
        if sources[0] not in archives:
            say(f"no {archive} below {folder}: going on without {', '.join(sources)}")
    for name, origin in archives.items():
        dataset, _, config = SOURCES[name].dataset.partition("/")
        prepared.prepare(dataset, data_dir, origin=origin, config=config or None, **options)


def find(folder: Path) -> dict[str, Path]:
    """The archives below `folder` by the names of their sources. Raises UserError where there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; docs/study.md says which archives it should hold.")
    files = list(_files(folder))
    archives = {
        source: path
        for archive, sources in _archives().items()
        if (path := next((path for path in files if path.name == archive), None))
        for source in sources
    }
    if not archives:
        raise UserError(f"{folder} holds none of {', '.join(_archives())}; docs/study.md says where they come from.")
    return archives


def _archives() -> dict[str, list[str]]:
    """The names of the archives, and of the sources that each serves."""
    archives: dict[str, list[str]] = {}
    for source in SOURCES.values():
        if source.archive:
            archives.setdefault(source.archive, []).append(source.name)
    return archives


def _files(folder: Path) -> Iterator[Path]:
    """All files below `folder`, sorted; symbolic links are followed, each folder once."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        if (place := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        yield from filter(Path.is_file, (Path(parent, name) for name in sorted(names)))
