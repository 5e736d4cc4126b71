"""tiny-imagenet-200: photographs of 200 classes of ImageNet, JPEG 64x64, some grayscale."""

import re

import tensorflow_datasets as tfds

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import walk
from cifake_keras.sources.builder import SourceBuilder
from cifake_keras.sources.entries import Entry

_LAYOUT = re.compile(r"(?:^|/)((train/n\d+|val)/images/[^/]+)$")

# What it has beside them.
_BESIDE = re.compile(r"(?:^|/)(test/images/[^/]+|words\.txt|wnids\.txt|val_annotations\.txt|n\d+_boxes\.txt)$")


class TinyImagenet(SourceBuilder):
    """Reads tiny-imagenet-200.zip, or its unpacked folder: train/<wnid>/images/*.JPEG and val/images/*.JPEG.

    The official test images are left out, as nothing tells what they show.
    """

    HOMEPAGE = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    MANUAL_DOWNLOAD_INSTRUCTIONS = "tiny-imagenet-200.zip (see the home page), or its folder tiny-imagenet-200."

    def entries(self, dl_manager: tfds.download.DownloadManager) -> dict[str, list[Entry]]:
        origin = self.place(dl_manager, "tiny-imagenet-200.zip")
        found = walk.find(origin)
        entries: dict[str, list[Entry]] = {"train": [], "val": []}
        outside = []
        for name in found.images:
            if layout := _LAYOUT.search(name):
                split = layout[2].partition("/")[0]
                entries[split].append(Entry(name, split, layout[1], "REAL", ""))
            else:
                outside.append((name, "is not in train/<class>/images or val/images"))
        if not all(entries.values()):
            instead = found.instead("give tiny-imagenet-200.zip, or its folder, with --from")
            raise UserError(f"{origin} is not tiny-imagenet-200: no train/<class>/images or val/images; {instead}.")
        self.leave_out((name, reason) for name, reason in found.left_out + outside if not _BESIDE.search(name))
        return entries
