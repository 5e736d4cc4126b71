"""Prepared sources described in Croissant, the metadata of data sets that search engines and loaders read.

A record is an image's row in files.csv: its name, and the file that it was. The images are in the array_record files,
which TFDS reads (docs/study.md).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cifake_keras.protocol import SOURCES
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import FILE_COLUMNS, FILES, fingerprint, prepared

if TYPE_CHECKING:
    import mlcroissant

FILE = "croissant.json"

_NUMBERS = ("bytes", "width", "height")


def write(dataset: str, folder: Path) -> Path:
    """Writes FILE into the folder of a prepared data set, and returns it.

    Raises UserError where mlcroissant is not installed, or an older version of this package prepared the data set.
    """
    try:
        import mlcroissant
    except ImportError:
        raise UserError(
            "mlcroissant is not installed; install it with: pip install 'cifake-keras[croissant]'."
        ) from None
    if absent := next((name for name in (FILES, fingerprint.RECORD) if not (folder / name).exists()), None):
        raise UserError(
            f"{folder / absent} is not there, as older versions wrote none; delete {folder} and prepare it anew."
        )
    with prepared.as_prepared(folder):
        info = files.read_json(folder / "dataset_info.json")
        images = files.read_json(folder / fingerprint.RECORD)
    source = next((source for source in SOURCES.values() if source.dataset == dataset), None)
    described = mlcroissant.Metadata(
        name=dataset.replace("/", "-"),
        description=f"{info['description']} {images['images']:,} images, fingerprint {images['fingerprint']}.",
        version=info["version"],
        license=source and source.licence,
        cite_as=source.citation if source else info.get("citation"),
        url=next(iter(info.get("location", {}).get("urls", [])), None),
        distribution=[
            mlcroissant.FileObject(
                id=FILES,
                name=FILES,
                content_url=FILES,
                encoding_formats=["text/csv"],
                sha256=files.sha256(folder / FILES),
            ),
            mlcroissant.FileSet(
                id="images",
                name="images",
                description="array_record files, each record a tf.train.Example of TFDS.",
                encoding_formats=["application/octet-stream"],
                includes=["*.array_record-*"],
            ),
        ],
        record_sets=[
            mlcroissant.RecordSet(
                id="files",
                name="files",
                description="The file that each image was, before it was decoded.",
                fields=[_field(column) for column in FILE_COLUMNS],
            )
        ],
    )
    files.write_text(folder / FILE, json.dumps(described.to_json(), indent=2, default=str) + "\n")
    return folder / FILE


def _field(column: str) -> "mlcroissant.Field":
    import mlcroissant

    return mlcroissant.Field(
        id=f"files/{column}",
        name=column,
        data_types=[mlcroissant.DataType.INTEGER if column in _NUMBERS else mlcroissant.DataType.TEXT],
        source=mlcroissant.Source(file_object=FILES, extract=mlcroissant.Extract(column=column)),
    )
