"""Prepared sources: TFDS data sets at native size, and from each one array of 32x32 uint8 images a kernel.

Everything lies below the data folder: `<dataset>/<version>/` as TFDS has it, and within that folder
`32-<kernel>/images.npy` with `examples.csv`, made when it is first needed and read row by row after.
"""

import contextlib
import csv
import io
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import absl.logging
import numpy as np
import pandas as pd

from cifake_keras.protocol import CLASSES, IMAGE_SIZE
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.runtime.text import by_reason
from cifake_keras.sources import FILE_COLUMNS, FILES, QUARANTINE, Provider, reading, walk
from cifake_keras.sources.arrays import Rows, writing
from cifake_keras.sources.fingerprint import digest, fingerprint

COLUMNS = ["split", "label", "generator", "filename", "digest"]

# Below a data set. What TFDS has not finished lies in incomplete.<random>_<version>.
_INFO = "[0-9]*.[0-9]*.[0-9]*/dataset_info.json"

# So many reasons for which images are refused are shown.
_REASONS = 20

# Beside the arrays: the SHA-256 of each file of theirs.
_DIGESTS = "digests.json"


@dataclass(frozen=True)
class Prepared:
    """A source as arrays.

    images: uint8 [n, 32, 32, 3], on disk. examples: n rows of COLUMNS; label is 0 (REAL) or 1 (FAKE);
    digest is the SHA-256 of the image's native pixels. fingerprint: of all examples, in any order.
    """

    images: Rows
    examples: pd.DataFrame
    fingerprint: str


def prepare(dataset: str, data_dir: Path, beam: str | None = None, **options: Any) -> Path:
    """Writes a source below `data_dir`, unless it is prepared already. Returns the data set's folder.

    beam: options of the Apache Beam pipeline that does the work, without dashes and with commas between them.
    options: the builder's own (`origin`, `strict`, `title`, `label`, `config`). What is left out is named in the
    folder's quarantine.csv and counted on screen; with `strict`, images that are raise UserError.
    """
    with quiet_tfds():
        builder = Provider().get_builder_cls(dataset)(data_dir=data_dir, **options)
        folder = Path(builder.data_dir)
        # Whoever wants the same waits, and finds it done. What is there may lie in a folder that cannot be written to.
        claim = files.claim(folder.with_name(f"{folder.name}.claim")) if not folder.exists() else None
        with claim or contextlib.nullcontext():
            return _prepared(builder, folder, data_dir, beam)


def _prepared(builder: Any, folder: Path, data_dir: Path, beam: str | None) -> Path:
    summary = f"{folder.parent.relative_to(data_dir)}: {{:,}} images in {folder}"
    if folder.exists():
        if builder.strict and _refused(folder):
            raise UserError(f"{folder} lacks the images that its {QUARANTINE} names; leave --strict out.")
        say(summary.format(count(folder)) + " already, so nothing was read; delete that folder to prepare it anew")
        return folder
    for left in folder.parent.glob(f"incomplete.*_{folder.name}"):  # by a run that was killed: the claim is ours
        shutil.rmtree(left)
    builder.download_and_prepare(download_config=_download_config(beam))
    skipped = [(name, reason) for name, reason in builder.left_out if reason in walk.SKIPPED]
    refused = [(name, reason) for name, reason in builder.left_out if reason not in walk.SKIPPED]
    for line in by_reason(refused)[:_REASONS]:
        say(f"refused {line}")
    for line in by_reason(skipped):
        say(f"left out {line}")
    counts = f"{len(refused):,} refused" + (f", {len(skipped):,} no images" if skipped else "")
    named = f", all named in {folder / QUARANTINE}" if builder.left_out else ""
    say(f"{summary.format(count(folder))}, {counts}{named}")
    return folder


def _refused(folder: Path) -> bool:
    """Whether images of the origin are not in the data set."""
    if not (folder / QUARANTINE).exists():
        return False
    with open(folder / QUARANTINE, newline="", encoding="utf-8") as file:
        return any(row["reason"] not in walk.SKIPPED for row in csv.DictReader(file))


def _download_config(beam: str | None) -> Any:
    import tensorflow_datasets as tfds

    if beam is None:
        return tfds.download.DownloadConfig()
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise UserError("Apache Beam is not installed; install it with: pip install 'cifake-keras[beam]'") from None
    options = PipelineOptions(flags=[f"--{option}" for option in beam.split(",")])
    return tfds.download.DownloadConfig(beam_options=options)


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """Silences notices of TFDS that would mislead: of a download that is none, of OpenCV that is not needed."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        yield
    absl.logging.set_verbosity(before)


def find(data_dir: Path, dataset: str) -> Path | None:
    """The folder of the newest prepared version of `dataset`, or None."""
    versions = sorted((data_dir / dataset).glob(_INFO))
    return versions[-1].parent if versions else None


def count(folder: Path) -> int:
    """The number of images in a data set's folder."""
    with as_prepared(folder):
        splits = files.read_json(folder / "dataset_info.json")["splits"]
        return sum(int(length) for split in splits for length in split["shardLengths"])


@contextlib.contextmanager
def as_prepared(folder: Path) -> Iterator[None]:
    """Raises UserError for what is made of files in `folder` that hold something else than this package writes."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:  # TFDS, protobuf and array_record meet damage with errors of any kind
        reason = textwrap.shorten(str(error), 200) or type(error).__name__
        raise UserError(f"{folder} is not as it was prepared ({reason}); delete it and prepare it anew.") from error


def folders(data_dir: Path) -> dict[str, Path]:
    """The prepared data sets below `data_dir` with their folders. Imports no TensorFlow."""
    versions = sorted({path.parent for path in data_dir.glob(f"**/{_INFO}")})
    return {folder.parent.relative_to(data_dir).as_posix(): folder for folder in versions}


def available(data_dir: Path) -> dict[str, int]:
    """The prepared data sets below `data_dir` with their numbers of images. Imports no TensorFlow."""
    return {dataset: count(folder) for dataset, folder in folders(data_dir).items()}


def load(data_dir: Path, dataset: str, kernel: str) -> Prepared:
    """Raises UserError where the data set has not been prepared."""
    folder = _required(data_dir, dataset)
    _check_files(folder)
    arrays = folder / f"{IMAGE_SIZE}-{kernel}"
    files.make_once(arrays, lambda temporary: _write_arrays(folder, temporary, kernel))
    with as_prepared(arrays):
        _check_arrays(arrays)
        types = dict.fromkeys(COLUMNS, str) | {"label": int}
        examples = pd.read_csv(arrays / "examples.csv", dtype=types, keep_default_na=False)
        images = Rows(arrays / "images.npy")
        if (images.dtype, images.shape) != (np.uint8, (len(examples), IMAGE_SIZE, IMAGE_SIZE, 3)):
            raise ValueError("images.npy does not belong to examples.csv")
        return Prepared(images, examples, fingerprint_of(examples))


def _check_arrays(arrays: Path) -> None:
    """Raises UserError where a file has changed since it was made. Arrays of earlier versions are believed.

    120,000 images take a quarter of a second.
    """
    recorded = files.read_json(arrays / _DIGESTS) if (arrays / _DIGESTS).exists() else {}
    for name in recorded:
        if files.sha256_once(arrays / name) != recorded[name]:
            raise UserError(f"{arrays / name} has changed since it was made; delete {arrays}, which is made anew.")


def _required(data_dir: Path, dataset: str) -> Path:
    folder = find(data_dir, dataset)
    if folder is None:
        raise UserError(f"{data_dir / dataset} is not there; prepare it with: cifake-keras data prepare")
    return folder


def originals(data_dir: Path, dataset: str) -> pd.DataFrame:
    """FILE_COLUMNS of the file of each image of a prepared data set; width and height are those of the upright image.

    Raises UserError where the data set has not been prepared, or an older version of the package prepared it.
    """
    folder = _required(data_dir, dataset)
    path = folder / FILES
    if not path.exists():
        raise UserError(f"{path} is not there, as older versions wrote none; delete {folder} and prepare it anew.")
    files.require_file(path)
    with as_prepared(folder):
        # Hexadecimal digits are not a number.
        return pd.read_csv(path, keep_default_na=False, dtype={"quantisation": str})[list(FILE_COLUMNS)]


def stored(folder: Path) -> dict[str, Sequence[dict]]:
    """The examples of a data set by split, as TFDS reads them, in the order of `Prepared.examples`.

    Raises UserError where the files that tell TFDS how to read are not those that this package writes.
    """
    import tensorflow_datasets as tfds

    _check_files(folder)
    with as_prepared(folder):
        _check_features(folder)
        return dict(sorted(tfds.builder_from_directory(folder).as_data_source().items()))


def _check_files(folder: Path) -> None:
    """Raises UserError where one is a pipe or a device: readers would wait for its end."""
    if strange := next((path for path in folder.rglob("*") if path.exists() and not _is_plain(path)), None):
        raise UserError(f"{strange} is a pipe or a device; delete {folder} and prepare it anew.")


def _is_plain(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _check_features(folder: Path) -> None:
    """TFDS imports, and so runs, whatever module these files name for a feature."""
    from google.protobuf.json_format import MessageToDict

    from cifake_keras.sources.builder import features  # imports TFDS

    written = MessageToDict(features().to_proto())
    if files.read_json(folder / "features.json") != written or "features" in files.read_json(
        folder / "dataset_info.json"
    ):
        raise UserError(f"{folder} says of its images what this package does not write; delete it and prepare it anew.")


@quiet_tfds()
def resized(
    data_dir: Path, dataset: str, rows: Sequence[int], routes: Mapping[str, Callable[[np.ndarray], np.ndarray]]
) -> dict[str, np.ndarray]:
    """Some images of a source by route, uint8 [len(rows), 32, 32, 3], each of them read once for all routes.

    rows: their places among `Prepared.examples`. routes: what makes an image of any size 32x32. Raises UserError where
    the data set has not been prepared.
    """
    folder = _required(data_dir, dataset)
    places = [(split, number) for split in stored(folder).values() for number in range(len(split))]
    images = {name: np.empty((len(rows), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8) for name in routes}
    with as_prepared(folder):
        for place, (split, number) in enumerate(places[row] for row in rows):
            image = split[number]["image"]
            for name, route in routes.items():
                images[name][place] = route(image)
    return images


def row(split: str, example: dict) -> tuple[str, int, str, str, str]:
    """The values of COLUMNS for a stored example."""
    texts = (example[key].decode() for key in ("generator", "filename"))
    return split, int(example["label"]), *texts, digest(example["image"])


@quiet_tfds()
def _write_arrays(folder: Path, target: Path, kernel: str) -> None:
    target.mkdir()
    sources = stored(folder)
    total = sum(map(len, sources.values()))
    examples = []
    with writing(target / "images.npy", total, np.uint8) as write:
        for split, example in track(_examples(folder, sources), f"Resizing {folder.parent.name}", total):
            write(reading.resize(example["image"], IMAGE_SIZE, kernel))
            examples.append(row(split, example))
    pd.DataFrame(examples, columns=COLUMNS).to_csv(target / "examples.csv", index=False)
    files.write_json(target / _DIGESTS, {name: files.sha256(target / name) for name in ("images.npy", "examples.csv")})


def _examples(folder: Path, sources: dict[str, Sequence[dict]]) -> Iterator[tuple[str, dict]]:
    with as_prepared(folder):
        for split, examples in sources.items():
            for example in examples:
                yield split, example


def fingerprint_of(examples: pd.DataFrame) -> str:
    """examples: with COLUMNS."""
    classes = examples["label"].map(CLASSES.__getitem__)
    return fingerprint(zip(examples["split"], classes, examples["generator"], examples["digest"], strict=True))
