"""What all sources have in common as TFDS builders."""

import csv
import functools
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from etils import epath

from cifake_keras.errors import UserError
from cifake_keras.progress import track
from cifake_keras.protocol import CLASSES
from cifake_keras.sources import FILE_COLUMNS, FILES, QUARANTINE, reading


class SourceBuilder(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder whose examples have `image`, `label`, `generator` and `filename`.

    origin: the folder or archive to read; where None, it is looked for in the `manual_dir` of TFDS.
    strict: a refused image is a UserError. `refused` lists (file name, reason) of the images left out, `files` has by
    file name the rest of FILE_COLUMNS of the others; both are written beside the images.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = ""

    def __init_subclass__(cls, **options):
        """README.md, CITATIONS.bib and TAGS.txt, which TFDS reads, are in a folder of the data set's name."""
        super().__init_subclass__(**options)
        cls.pkg_dir_path = epath.resource_path("cifake_keras") / "sources" / "cards" / cls.name

    def __init__(
        self, *, origin: Path | None = None, strict: bool = False, file_format: str = "array_record", **options
    ):
        super().__init__(file_format=file_format, **options)
        self.origin, self.strict = origin, strict
        self.refused: list[tuple[str, str]] = []
        self.files: dict[str, tuple] = {}

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
            homepage=self.HOMEPAGE,
        )

    def place(self, dl_manager: tfds.download.DownloadManager, archive: str, folder: str = "") -> Path:
        """What to read: `origin`, or in TFDS's `manual_dir` the `archive`, or else the `folder`."""
        if self.origin:
            return self.origin
        manual = Path(dl_manager.manual_dir)
        return manual / archive if (manual / archive).exists() else manual / folder

    def _as_dataset(self, split, decoders=None, **options):
        """As TFDS has it, which knows no tf.data of array_record files."""
        if self.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
            return super()._as_dataset(split, decoders, **options)
        import tensorflow as tf

        records = self.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
        decode = functools.partial(self.info.features.deserialize_example, decoders=decoders)
        dataset = tf.data.Dataset.from_generator(lambda: records, output_signature=tf.TensorSpec([], tf.string))
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(records)))
        return dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    def decoded(self, examples: Iterable[tuple], total: int) -> Iterator[tuple[str, dict]]:
        """TFDS's examples out of `total` times (file name, what `reading.read` yields, label, generator).

        What each file was is noted in `files`. An unreadable image is noted in `refused` and passed over. Raises
        UserError where none can be read, or two have one name, or with `strict` at the first unreadable one.
        """
        before = len(self.files)
        for filename, content, label, generator in track(examples, f"Preparing {self.info.full_name}", total):
            filename = filename.encode(errors="backslashreplace").decode()  # a file system takes any bytes
            try:
                image, file = _decoded(content)
            except reading.UnreadableImage as error:
                self._refuse(filename, str(error))
                continue
            if filename in self.files:
                raise UserError(f"{self.origin} has two images named {filename}; name the folder that holds one set.")
            self.files[filename] = file
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
        self._write(FILES, FILE_COLUMNS, ((filename, *file) for filename, file in sorted(self.files.items())))
        if self.refused:
            self._write(QUARANTINE, ("file", "reason"), self.refused)

    def _write(self, name: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
        with open(self.data_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])


def _decoded(content: bytes | reading.UnreadableImage) -> tuple[io.BytesIO, tuple]:
    """The image as PNG, and its row of FILE_COLUMNS but for the name. Raises UnreadableImage."""
    pixels = reading.decode(content)
    kind, subsampling, quantisation = reading.encoding(content)
    height, width, _ = pixels.shape
    return io.BytesIO(reading.encode_png(pixels)), (kind, len(content), width, height, subsampling, quantisation)
