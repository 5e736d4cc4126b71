"""CIFAKE: 60,000 CIFAR-10 photographs and 60,000 images of Stable Diffusion 1.4, JPEG 32x32, MIT licence."""

import re

import tensorflow_datasets as tfds

from cifake_keras.protocol import CLASSES
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import walk
from cifake_keras.sources.builder import SourceBuilder
from cifake_keras.sources.entries import Entry

LAYOUT = re.compile(r"(?:^|/)(train|test)/(REAL|FAKE)/[^/]+$")


class Cifake(SourceBuilder):
    """Reads Kaggle's archive.zip, or its unpacked folder: {train,test}/{REAL,FAKE}/*.jpg."""

    HOMEPAGE = "https://www.kaggle.com/datasets/birdy654/cifake-real-and-ai-generated-synthetic-images"
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Kaggle's archive.zip (see the home page), or what is in it: train and test."
    GENERATOR = "SDv1.4"

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        origin = self.place(dl_manager, "archive.zip")
        found = walk.find(origin)
        entries: dict[str, list[Entry]] = {"train": [], "test": []}
        outside = []
        for name in found.images:
            if layout := LAYOUT.search(name):
                split, label = layout.groups()
                entries[split].append(self._entry(name, split, label))
            else:
                outside.append((name, "is not in train or test, REAL or FAKE"))
        present = {(entry.split, entry.label) for listed in entries.values() for entry in listed}
        missing = [f"{split}/{label}" for split in entries for label in CLASSES if (split, label) not in present]
        if missing:
            instead = found.instead("give Kaggle's archive.zip, or the folder with its train and test, with --from")
            raise UserError(f"{origin} is not CIFAKE as Kaggle has it: no images in {', '.join(missing)}; {instead}.")
        self.leave_out(found.left_out + outside)
        return entries

    def _entry(self, name: str, split: str, label: str) -> Entry:
        filename = f"{split}/{label}/{name.rpartition('/')[2]}"
        return Entry(name, split, filename, label, self.GENERATOR if label == "FAKE" else "")
