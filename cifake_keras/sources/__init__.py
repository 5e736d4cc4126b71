"""Factor 1: where images come from, a TFDS builder a source. Names only; the builders are imported when one is used."""

import importlib

BUILDERS = {
    "cifake": "cifake_keras.sources.cifake:Cifake",
    "tiny_imagenet": "cifake_keras.sources.tiny_imagenet:TinyImagenet",
    "image_folder": "cifake_keras.sources.image_folder:ImageFolder",
    "procedural": "cifake_keras.sources.procedural:Procedural",
}

# In a data set's folder: what of its origin was left out, and why.
QUARANTINE = "quarantine.csv"

# In a data set's folder: a row an image about the file that it came from, sorted by name.
FILES = "files.csv"
FILE_COLUMNS = ("filename", "format", "bytes", "width", "height", "subsampling", "quantisation")


class Provider:
    """The builders by name, for TFDS."""

    def has_dataset(self, name: str) -> bool:
        return name in BUILDERS

    def get_builder_cls(self, name: str) -> type:
        module, builder = BUILDERS[name].split(":")
        return getattr(importlib.import_module(module), builder)
