"""What all sources have in common: the base of their TFDS builders."""

import csv
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core.writer import ExampleWriter
from tensorflow_datasets.proto import tf_example_pb2

from cifake_keras.protocol import CLASSES
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track
from cifake_keras.sources import FILE_COLUMNS, FILES, QUARANTINE, entries, fingerprint, walk
from cifake_keras.sources.entries import Entry, Outcome


def features() -> tfds.features.FeaturesDict:
    """What an example of every source has."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "generator": tfds.features.Text(),
            "filename": tfds.features.Text(),
        }
    )


class SourceBuilder(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder whose examples have `image`, `label`, `generator` and `filename`.

    origin: the folder or archive to read; where None, it is looked for in the `manual_dir` of TFDS.
    strict: a refused image raises UserError. `left_out` lists (file name, reason) of what is in `origin` and not among
    the examples; `files` holds by file name the other FILE_COLUMNS of the rest. Both are written beside the images.
    Where a DownloadConfig has options or a runner of Apache Beam, its workers read and write.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """README.md, CITATIONS.bib and TAGS.txt, which TFDS reads, are in a folder of the data set's name."""
        super().__init_subclass__(**options)
        cls.pkg_dir_path = epath.resource_path("cifake_keras") / "sources" / "cards" / cls.name

    def __init__(
        self, *, origin: Path | None = None, strict: bool = False, file_format: str = "array_record", **options: Any
    ):
        super().__init__(file_format=file_format, **options)
        self.origin, self.strict, self.on_beam = origin, strict, False
        self.left_out: list[tuple[str, str]] = []
        self.files: dict[str, tuple] = {}
        self._kept: list[tuple[str, str, str, str]] = []  # as `fingerprint` takes them

    def _info(self) -> tfds.core.DatasetInfo:
        info = self.dataset_info_from_configs(
            features=features(),
            supervised_keys=("image", "label"),
            homepage=self.HOMEPAGE,
        )
        # TFDS would look in its own bucket, which has none of ours, and leave an empty folder among temporary files.
        info.initialize_from_bucket = lambda: None
        return info

    def place(self, dl_manager: tfds.download.DownloadManager, archive: str, folder: str = "") -> Path:
        """Sets `origin`, where None, to the `archive`, or else the `folder`, in TFDS's `manual_dir`; returns it."""
        if self.origin is None:
            manual = Path(dl_manager.manual_dir)
            self.origin = manual / archive if (manual / archive).exists() else manual / folder
        return self.origin

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        """The entries of `origin` by split. Raises UserError where it is not the data set's."""
        raise NotImplementedError

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split, listed) for split, listed in self.entries(dl_manager).items()}

    def _generate_examples(self, split: str, listed: list[Entry]) -> Any:
        origin = cast(Path, self.origin)  # `entries` has set it
        if self.on_beam:
            from cifake_keras.sources import beam

            return beam.prepared(origin, listed, self.data_path / f"{split}{beam.FILES}")
        return self.kept(entries.read(origin, listed), len(listed))

    def _example_writer(self) -> ExampleWriter:
        return _CanonicalWriter(self.info.file_format)

    def _as_dataset(self, split: tfds.core.ReadInstruction, decoders: Any = None, **options: Any) -> Any:
        """As in TFDS, which has no tf.data of array_record files."""
        if self.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
            return super()._as_dataset(split, decoders, **options)
        import tensorflow as tf

        records = self.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
        decode = functools.partial(self.info.features.deserialize_example, decoders=decoders)
        dataset = tf.data.Dataset.from_generator(lambda: records, output_signature=tf.TensorSpec([], tf.string))
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(records)))
        return dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    def kept(self, outcomes: Iterable[Outcome], total: int) -> Iterator[tuple[str, dict]]:
        """Yields the examples of `total` outcomes, with their file names as TFDS's keys.

        Raises UserError where there is none, or two have one name, or with `strict` at the first refused one.
        """
        before = len(self.files)
        for filename, example, record in track(outcomes, f"Preparing {self.info.full_name}", total):
            self._note(filename, record)
            if example:
                yield filename, example
        if len(self.files) == before:
            filename, reason = self.left_out[-1]
            raise UserError(f"{self.origin}: none of {total:,} images can be read; {filename}, for one: {reason}.")

    def _note(self, filename: str, record: tuple) -> None:
        """record: of `entries.Outcome`."""
        if len(record) > 1:
            if filename in self.files:
                raise UserError(f"{self.origin} has two images named {filename}; name the folder that holds one set.")
            self._kept.append(record[:4])
            self.files[filename] = record[4:]
        else:
            self.leave_out([(filename, record[0])])

    def leave_out(self, entries: Iterable[tuple[str, str]]) -> None:
        """Notes (name, reason). Raises UserError with `strict` where an image may be missing for it."""
        for name, reason in entries:
            filename = name.encode(errors="backslashreplace").decode()  # a file system takes any bytes
            if self.strict and reason not in walk.SKIPPED:
                raise UserError(f"{self.origin}: {filename}: {reason}; without --strict it is left out and named.")
            self.left_out.append((filename, reason))

    def _download_and_prepare(self, dl_manager: tfds.download.DownloadManager, download_config: Any) -> None:
        """Writes into a folder that TFDS renames when all is there, so that images never lack their lists."""
        self.on_beam = bool(download_config.beam_options or download_config.beam_runner)
        if self.on_beam:
            self._prepare_on_beam(dl_manager, download_config)
        else:
            super()._download_and_prepare(dl_manager, download_config)
        files.write_json(self.data_path / fingerprint.RECORD, fingerprint.record(self._kept))
        self._write(FILES, FILE_COLUMNS, ((filename, *file) for filename, file in sorted(self.files.items())))
        if self.left_out:
            self._write(QUARANTINE, ("file", "reason"), sorted(self.left_out))

    def _prepare_on_beam(self, dl_manager: tfds.download.DownloadManager, download_config: Any) -> None:
        from cifake_keras.sources import beam

        download_config.ignore_duplicates = True  # Beam's own error would not name them
        try:
            super()._download_and_prepare(dl_manager, download_config)
        except Exception as error:  # the runner's own, with the worker's message
            if "total number of generated examples is 0" in str(error):
                raise UserError(f"{self.origin}: none of the images of one split can be read.") from error
            raise
        for filename, *record in beam.records(self.data_path):
            self._note(filename, tuple(record))

    def _write(self, name: str, columns: Iterable[str], rows: Iterable[tuple]) -> None:
        with open(self.data_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])


class _CanonicalWriter(ExampleWriter):
    """Orders the features within an example, whose order, and so the file, would differ between processes."""

    def write(self, path: epath.Path, examples: Iterable[tuple[Any, bytes]]) -> Any:
        return super().write(path, ((key, _canonical(example)) for key, example in examples))


def _canonical(example: bytes) -> bytes:
    return tf_example_pb2.Example.FromString(example).SerializeToString(deterministic=True)
