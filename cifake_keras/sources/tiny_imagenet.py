"""tiny-imagenet-200: photographs of 200 classes of ImageNet, JPEG 64x64, some grayscale."""

import re

from cifake_keras.errors import UserError
from cifake_keras.protocol import SOURCES
from cifake_keras.sources import reading
from cifake_keras.sources.builder import SourceBuilder

_LAYOUT = re.compile(r"(?:^|/)((train/n\d+|val)/images/[^/]+)$")


class TinyImagenet(SourceBuilder):
    """Reads tiny-imagenet-200.zip, or its unpacked folder: train/<wnid>/images/*.JPEG and val/images/*.JPEG.

    The official test images are left out, as nothing tells what they show.
    """

    DESCRIPTION = f"Photographs of 200 ImageNet classes at 64x64. Licence: {SOURCES['ImageNet'].licence}."
    HOMEPAGE = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    CITATION = """@misc{le2015tiny,
  title={Tiny ImageNet Visual Recognition Challenge}, author={Le, Ya and Yang, Xuan}, year={2015}}"""

    def _split_generators(self, dl_manager):
        origin = self.origin or dl_manager.manual_dir
        members = {"train": [], "val": []}
        for name in reading.names(origin):
            if layout := _LAYOUT.search(name):
                members[layout[2].partition("/")[0]].append(name)
        if not all(members.values()):
            raise UserError(f"{origin} is not tiny-imagenet-200: it lacks train/<class>/images or val/images.")
        return {split: self._generate_examples(split, origin, names) for split, names in members.items()}

    def _generate_examples(self, split, origin, members):
        photographs = reading.read(origin, members)
        examples = ((_LAYOUT.search(name)[1], content, "REAL", "") for name, content in photographs)
        return self.decoded(split, examples, len(members))
