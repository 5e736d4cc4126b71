"""What all sources have in common as TFDS builders."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from cifake_keras import files
from cifake_keras.errors import UserError
from cifake_keras.progress import track
from cifake_keras.protocol import CLASSES
from cifake_keras.sources import FILE_COLUMNS, FILES, QUARANTINE, reading
from cifake_keras.sources.fingerprint import RECORD, digest, record


class SourceBuilder(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder whose examples have `image`, `label`, `generator` and `filename`.

    origin: the folder or archive to read; `manual_dir` of TFDS where None.
    strict: a refused image is a UserError. `refused` lists (file name, reason) of the images left out, `files` has by
    file name the rest of FILE_COLUMNS of the others; both are written beside the images.
    """

    VERSION = tfds.core.Version("1.0.0")
    DESCRIPTION = ""
    HOMEPAGE = ""
    CITATION = ""

    def __init__(self, *, origin: Path | None = None, strict: bool = False, **options):
        super().__init__(file_format="array_record", **options)
        self.origin, self.strict = origin, strict
        self.refused: list[tuple[str, str]] = []
        self.files: dict[str, tuple] = {}
        self._kept: list[tuple[str, str, str, str]] = []  # as `fingerprint` takes them

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "generator": tfds.features.Text(),
            "filename": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            description=self.DESCRIPTION,
            homepage=self.HOMEPAGE,
            citation=self.CITATION,
        )

    def decoded(self, split: str, examples: Iterable[tuple], total: int) -> Iterator[tuple[str, dict]]:
        """TFDS's examples out of `total` times (file name, what `reading.read` yields, label, generator).

        What each file was is noted in `files`. An unreadable image is noted in `refused` and passed over. Raises
        UserError where none can be read, or two have one name, or with `strict` at the first unreadable one.
        """
        before = len(self.files)
        for filename, content, label, generator in track(examples, f"Preparing {self.info.full_name}", total):
            filename = filename.encode(errors="backslashreplace").decode()  # a file system takes any bytes
            try:
                pixels = reading.decode(content)
            except reading.UnreadableImage as error:
                self._refuse(filename, str(error))
                continue
            if filename in self.files:
                raise UserError(f"{self.origin} has two images named {filename}; name the folder that holds one set.")
            self.files[filename] = _file(content, pixels)
            self._kept.append((split, label, generator, digest(pixels)))
            image = io.BytesIO(reading.encode_png(pixels))
            yield filename, {"image": image, "label": label, "generator": generator, "filename": filename}
        if len(self.files) == before:
            filename, reason = self.refused[-1]
            raise UserError(f"{self.origin}: none of {total:,} images can be read; {filename}, for one: {reason}.")

    def _refuse(self, filename: str, reason: str) -> None:
        if self.strict:
            raise UserError(f"{self.origin}: {filename}: {reason}; without --strict it is left out and named.")
        self.refused.append((filename, reason))

    def _download_and_prepare(self, *arguments, **options):
        """Writes into a folder that TFDS renames when all is there, so that images never lack their lists."""
        super()._download_and_prepare(*arguments, **options)
        files.write_json(self.data_path / RECORD, record(self._kept))
        self._write(FILES, FILE_COLUMNS, ((filename, *file) for filename, file in sorted(self.files.items())))
        if self.refused:
            self._write(QUARANTINE, ("file", "reason"), self.refused)

    def _write(self, name: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
        with open(self.data_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])


def _file(content: bytes, pixels: np.ndarray) -> tuple:
    """Its row of FILE_COLUMNS but for the name."""
    kind, subsampling, quantisation = reading.encoding(content)
    height, width, _ = pixels.shape
    return kind, len(content), width, height, subsampling, quantisation
