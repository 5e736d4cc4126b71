"""Sources as data sets of TFDS: its own test case for each, and loading and building them by name."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support import cifake_members, generator_members, picture, tiny_imagenet_members, write_zip

from cifake_keras import protocol
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources.cifake import Cifake
from cifake_keras.sources.image_folder import ImageFolder
from cifake_keras.sources.procedural import Procedural
from cifake_keras.sources.tiny_imagenet import TinyImagenet


class Archive:
    """Dummy data: an archive `NAME` of `members` in the manual_dir of TFDS."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.EXAMPLE_DIR = cls.enterClassContext(tempfile.TemporaryDirectory())
        write_zip(Path(cls.EXAMPLE_DIR) / cls.NAME, cls.members())


class TestCifake(Archive, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS, SPLITS = Cifake, {"train": 10, "test": 6}
    NAME, members = "archive.zip", staticmethod(lambda: cifake_members(5, 3))


class TestTinyImagenet(Archive, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS, SPLITS = TinyImagenet, {"train": 6, "val": 1}
    NAME, members = "tiny-imagenet-200.zip", staticmethod(tiny_imagenet_members)


class TestImageFolder(Archive, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS, SPLITS = ImageFolder, {"train": 6}
    BUILDER_CONFIG_NAMES_TO_TEST = ("sdv15",)
    NAME, members = "sdv15.zip", staticmethod(generator_members)


class TestProcedural(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS, SPLITS = Procedural, {"train": protocol.wanted("smooth_colour")}
    BUILDER_CONFIG_NAMES_TO_TEST = ("smooth_colour",)
    EXAMPLE_DIR = tempfile.gettempdir()  # it reads none


@pytest.mark.parametrize("builder", [Cifake, TinyImagenet, ImageFolder, Procedural])
def test_a_data_set_says_what_it_is(builder):
    """What TFDS reads beside the code, which an installation could lack."""
    metadata = builder.get_metadata()
    assert "Licence:" in metadata.description and metadata.citation.startswith("@") and metadata.tags


@pytest.mark.slow
def test_prepared_data_are_loaded_by_name(data_dir):
    """And importing the package imports neither TFDS nor TensorFlow."""
    program = """import sys, cifake_keras
print({"tensorflow", "tensorflow_datasets"} & {*sys.modules})
import tensorflow_datasets as tfds
print(*(len(tfds.load(name, data_dir=sys.argv[1], split="train")) for name in ("cifake", "image_folder/sdv15")))
print(tfds.builder("tiny_imagenet", data_dir=sys.argv[1]).as_data_source("val")[0]["image"].shape)"""
    line = [sys.executable, "-c", program, data_dir]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["set()", "200 20", "(64, 64, 3)"]


def test_load_prepares_from_the_manual_folder(tmp_path):
    """An archive in TFDS's default place, and a folder for the images of a generator of one's own."""
    manual = tmp_path / "downloads" / "manual"
    (manual / "gan").mkdir(parents=True)
    write_zip(manual / "archive.zip", cifake_members(2, 2))
    (manual / "gan" / "1.jpg").write_bytes(picture(1, True))
    named = {"title": "GAN"}
    (fake,) = tfds.as_numpy(tfds.load("image_folder", split="train", data_dir=tmp_path, builder_kwargs=named))
    assert (fake["label"], fake["generator"]) == (protocol.FAKE, b"GAN")
    examples = list(tfds.as_numpy(tfds.load("cifake", data_dir=tmp_path, split="test")))
    assert sorted(example["label"] for example in examples) == [protocol.REAL] * 2 + [protocol.FAKE] * 2
    assert all(example["image"].dtype == np.uint8 for example in examples)


def test_photographs_do_not_take_a_generators_name():
    with pytest.raises(UserError, match=r"SDv1\.5 is a generator of the study"):
        tfds.builder("image_folder", title="SDv1.5", label="REAL")
