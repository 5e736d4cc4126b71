"""What all sources have in common as TFDS builders."""

import csv
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.writer import ExampleWriter
from tensorflow_datasets.proto import tf_example_pb2

from cifake_keras.protocol import CLASSES
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track
from cifake_keras.sources import FILE_COLUMNS, FILES, QUARANTINE, entries
from cifake_keras.sources.entries import Entry, Outcome
from cifake_keras.sources.fingerprint import RECORD, record


class SourceBuilder(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder whose examples have `image`, `label`, `generator` and `filename`.

    origin: the folder or archive to read; where None, it is looked for in the `manual_dir` of TFDS.
    strict: a refused image is a UserError. `refused` lists (file name, reason) of the images left out, `files` has by
    file name the rest of FILE_COLUMNS of the others; both are written beside the images. Where a DownloadConfig has
    options or a runner of Apache Beam, its workers read and write.
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
        self.origin, self.strict, self.on_beam = origin, strict, False
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
        info = self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=self.HOMEPAGE,
        )
        # TFDS would look in its own bucket, which has none of ours, and leave an empty folder among temporary files.
        info.initialize_from_bucket = lambda: None
        return info

    def place(self, dl_manager: tfds.download.DownloadManager, archive: str, folder: str = "") -> Path:
        """`origin`; where None from now on what is in TFDS's `manual_dir`: the `archive`, or else the `folder`."""
        if self.origin is None:
            manual = Path(dl_manager.manual_dir)
            self.origin = manual / archive if (manual / archive).exists() else manual / folder
        return self.origin

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        """What `origin` holds, by split. Raises UserError where it is not what it should be."""
        raise NotImplementedError

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split, listed) for split, listed in self.entries(dl_manager).items()}

    def _generate_examples(self, split, listed):
        if self.on_beam:
            from cifake_keras.sources import beam

            return beam.prepared(self.origin, listed, self.data_path / f"{split}{beam.FILES}")
        return self.kept(entries.read(self.origin, listed), len(listed))

    def _example_writer(self):
        return _CanonicalWriter(self.info.file_format)

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

    def kept(self, outcomes: Iterable[Outcome], total: int) -> Iterator[tuple[str, dict]]:
        """Of `total` outcomes the examples, with their names as TFDS's keys.

        Raises UserError where there is none, or two have one name, or with `strict` at the first refused one.
        """
        before = len(self.files)
        for filename, example, told in track(outcomes, f"Preparing {self.info.full_name}", total):
            self._note(filename, told)
            if example:
                yield filename, example
        if len(self.files) == before:
            filename, reason = self.refused[-1]
            raise UserError(f"{self.origin}: none of {total:,} images can be read; {filename}, for one: {reason}.")

    def _note(self, filename: str, told: tuple) -> None:
        if len(told) > 1:
            if filename in self.files:
                raise UserError(f"{self.origin} has two images named {filename}; name the folder that holds one set.")
            self._kept.append(told[:4])
            self.files[filename] = told[4:]
        elif self.strict:
            raise UserError(f"{self.origin}: {filename}: {told[0]}; without --strict it is left out and named.")
        else:
            self.refused.append((filename, *told))

    def _download_and_prepare(self, dl_manager, download_config):
        """Writes into a folder that TFDS renames when all is there, so that images never lack their lists."""
        self.on_beam = bool(download_config.beam_options or download_config.beam_runner)
        if self.on_beam:
            self._prepare_on_beam(dl_manager, download_config)
        else:
            super()._download_and_prepare(dl_manager, download_config)
        files.write_json(self.data_path / RECORD, record(self._kept))
        self._write(FILES, FILE_COLUMNS, ((filename, *file) for filename, file in sorted(self.files.items())))
        if self.refused:
            self._write(QUARANTINE, ("file", "reason"), sorted(self.refused))

    def _prepare_on_beam(self, dl_manager, download_config):
        from cifake_keras.sources import beam

        download_config.ignore_duplicates = True  # Beam's own error would not name them
        try:
            super()._download_and_prepare(dl_manager, download_config)
        except Exception as error:  # the runner's own, with the worker's message
            if "total number of generated examples is 0" in str(error):
                raise UserError(f"{self.origin}: none of the images of one split can be read.") from error
            raise
        for filename, *told in beam.told(self.data_path):
            self._note(filename, tuple(told))

    def _write(self, name: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
        with open(self.data_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])


class _CanonicalWriter(ExampleWriter):
    """Without it, the order of the features within an example, and so the file, changes from process to process."""

    def write(self, path, examples):
        return super().write(path, ((key, _canonical(example)) for key, example in examples))


def _canonical(example: bytes) -> bytes:
    return tf_example_pb2.Example.FromString(example).SerializeToString(deterministic=True)
