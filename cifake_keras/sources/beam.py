"""Images prepared by the workers of an Apache Beam pipeline, each a process, on one machine or many."""

import json
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam

from cifake_keras.sources import entries
from cifake_keras.sources.entries import Entry

# Entries that a worker reads at a time; it opens the archive once for them.
_BATCH = 2_000

# The end of the names of the text files that workers leave in the data set's folder.
FILES = ".files"


def prepared(origin: Path, listed: list[Entry], files: Path) -> beam.PTransform:
    """Gives TFDS its keys and examples; the record of each image is written to `files`-*."""
    batches = [listed[start : start + _BATCH] for start in range(0, len(listed), _BATCH)]
    return beam.Create(batches) | beam.Reshuffle() | _Prepared(origin, str(files))


class _Prepared(beam.PTransform):
    def __init__(self, origin: Path, files: str):
        super().__init__()
        self.origin, self.files = origin, files

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        read = batches | beam.FlatMap(_read, self.origin).with_outputs("files", main="examples")
        _ = read.files | beam.Map(json.dumps) | beam.io.WriteToText(self.files)
        return read.examples


def _read(batch: list[Entry], origin: Path) -> Iterator:
    for filename, example, record in entries.read(origin, batch):
        yield beam.pvalue.TaggedOutput("files", (filename, *record))
        if example:
            yield filename, example


def records(folder: Path) -> list[list]:
    """The file name and record of each image, sorted, from the workers' text files, which are deleted."""
    paths = list(folder.glob(f"*{FILES}-*"))
    rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    for path in paths:
        path.unlink()
    return sorted(rows)
