"""What is there of the study's sources. Imports no TensorFlow."""

from pathlib import Path

from cifake_keras.errors import UserError
from cifake_keras.protocol import SOURCES
from cifake_keras.sources import prepared


def chosen(data_dir: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """The prepared data sets that go by one of `names`, all without names, with their folders.

    A data set goes by its own name (image_folder/sdv15), its builder's and its source's (SDv1.5). Raises UserError
    where a name has none, or there is none at all.
    """
    there = prepared.folders(data_dir)
    called = {dataset: {dataset, dataset.partition("/")[0]} for dataset in there}
    for source in SOURCES.values():
        called.get(source.dataset, set()).add(source.name)
    absent = set(names).difference(*called.values())
    if absent or not there:
        raise UserError(f"{data_dir} holds no {', '.join(sorted(absent)) or 'data'}; see: cifake-keras data list")
    return {dataset: there[dataset] for dataset, aliases in called.items() if not names or aliases & set(names)}
