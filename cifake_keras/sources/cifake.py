"""CIFAKE: 60,000 CIFAR-10 photographs and 60,000 images of Stable Diffusion 1.4, JPEG 32x32, MIT licence."""

import re

from cifake_keras.protocol import CLASSES
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading
from cifake_keras.sources.builder import SourceBuilder
from cifake_keras.sources.entries import Entry

LAYOUT = re.compile(r"(?:^|/)(train|test)/(REAL|FAKE)/[^/]+$")


class Cifake(SourceBuilder):
    """Reads Kaggle's archive.zip, or its unpacked folder: {train,test}/{REAL,FAKE}/*.jpg."""

    HOMEPAGE = "https://www.kaggle.com/datasets/birdy654/cifake-real-and-ai-generated-synthetic-images"
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Kaggle's archive.zip (see the home page), or what is in it: train and test."
    GENERATOR = "SDv1.4"

    def entries(self, dl_manager):
        origin = self.place(dl_manager, "archive.zip")
        members = {"train": [], "test": []}
        for name in reading.names(origin):
            if layout := LAYOUT.search(name):
                members[layout[1]].append(name)
        missing = [f"{split}/{c}" for split in members for c in CLASSES if not _has(members[split], split, c)]
        if missing:
            raise UserError(f"{origin} is not CIFAKE as Kaggle has it: no images in {', '.join(missing)}.")
        return {split: list(map(self._entry, names)) for split, names in members.items()}

    def _entry(self, name):
        split, label = LAYOUT.search(name).groups()
        filename = f"{split}/{label}/{name.rpartition('/')[2]}"
        return Entry(name, split, filename, label, self.GENERATOR if label == "FAKE" else "")


def _has(members: list[str], split: str, label: str) -> bool:
    return any(f"{split}/{label}/" in name for name in members)
