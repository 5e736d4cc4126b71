"""What all sources have in common as TFDS builders."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from cifake_keras.protocol import CLASSES
from cifake_keras.sources import reading


class SourceBuilder(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder whose examples have `image`, `label`, `generator` and `filename`.

    origin: the folder or archive to read; `manual_dir` of TFDS where None.
    `refused` lists (file name, reason) of the images that did not decode.
    """

    VERSION = tfds.core.Version("1.0.0")
    DESCRIPTION = ""
    HOMEPAGE = ""
    CITATION = ""

    def __init__(self, *, origin: Path | None = None, **options):
        super().__init__(file_format="array_record", **options)
        self.origin = origin
        self.refused: list[tuple[str, str]] = []

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

    def decoded(self, examples: Iterable[tuple[str, bytes, str, str]]) -> Iterator[tuple[str, dict]]:
        """TFDS's examples out of (file name, content, label, generator); an unreadable image is noted in `refused`."""
        for filename, content, label, generator in examples:
            try:
                png = reading.encode_png(reading.decode(content))
            except reading.UnreadableImage as error:
                self.refused.append((filename, str(error)))
                continue
            yield (
                filename,
                {
                    "image": io.BytesIO(png),
                    "label": label,
                    "generator": generator,
                    "filename": filename,
                },
            )
