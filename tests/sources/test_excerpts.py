"""Sources that take a part of an archive: which images, how they are cut, and which are left out because they recur."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import encoded, write_zip

from cifake_keras.protocol import SOURCES
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared, recurrences

FILES = "CompVis-stable-diffusion-v1-4_seed_0.jpg", "runwayml-stable-diffusion-v1-5_seed_0.jpg"
V14 = "DrawBench SDv1.4"


def picture(number: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def drawbench(folder: Path) -> Path:
    """As GitHub gives the repository: two prompts, one image too small, and other files."""
    sizes = {("Colors/1", FILES[0]): (301, 263), ("Colors/1", FILES[1]): (256, 256), ("Text/9", FILES[0]): (255, 400)}
    members = {
        f"DrawBench-Glance-910c/{prompt}/{file}": encoded(Image.fromarray(picture(number, *size)))
        for number, ((prompt, file), size) in enumerate(sizes.items())
    }
    members["DrawBench-Glance-910c/Text/9/prompt.txt"] = b"a prompt"
    return write_zip(folder / "drawbench-glance.zip", members)


def rows(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_its_images_are_cut_in_the_middle_compressed_once_and_the_rest_is_passed_over(tmp_path):
    import tensorflow_datasets as tfds

    folder = prepared.prepare("image_folder", tmp_path / "data", origin=drawbench(tmp_path), title=V14)
    (example,) = tfds.builder_from_directory(folder).as_data_source()["train"]
    middle = io.BytesIO()
    Image.fromarray(picture(0, 301, 263)[22:278, 3:259]).save(middle, "JPEG", quality=75, subsampling="4:2:0")
    assert np.array_equal(example["image"], np.asarray(Image.open(middle)))
    assert example["generator"].decode() == V14 and example["filename"].decode() == f"Colors/1/{FILES[0]}"
    small = {"file": f"Text/9/{FILES[0]}", "reason": "is smaller than 256 x 256 pixels"}
    assert rows(folder / "quarantine.csv") == [small]
    (file,) = rows(folder / "files.csv")
    assert (file["format"], file["width"], file["height"]) == ("PNG", "263", "301"), "of the file as it was"
    told = json.loads((folder / "dataset_info.json").read_text())["configDescription"]
    assert told == f"{V14}, each image cut to the 256 x 256 pixels in its middle, then JPEG quality 75, 4:2:0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"title": "VOC", "label": "REAL"}, "holds no images of VOC; name a folder or zip archive with some"),
        ({"title": "VOC", "label": "FAKE"}, "VOC is a set of photographs of the study; give yours another name"),
        ({"title": V14, "label": "REAL"}, f"{V14} is a generator of the study; give yours another name"),
    ],
)
def test_another_archive_or_class_is_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        prepared.prepare("image_folder", tmp_path / "data", origin=drawbench(tmp_path), **options)


# --- Images that recur


LISTED = rows(recurrences.LIST)


def test_what_recurs_is_left_out_of_one_source_and_stays_in_another():
    images = {(row["source"], row["filename"]) for row in LISTED}
    assert len(images) == len(LISTED), "each is listed once"
    for row in LISTED:
        assert SOURCES[row["source"]].excerpt.pattern.fullmatch(row["filename"])
        if row["reason"] != "is a placeholder":
            kept = re.fullmatch("recurs in (.+?) as (.+)", row["reason"]).groups()
            assert kept[0] in SOURCES and kept not in images


def test_a_listed_image_is_left_out_and_the_reason_kept(tmp_path):
    listed = next(row for row in LISTED if row["source"] == "VOC")
    image, names = encoded(Image.fromarray(picture(1, 256, 256))), (listed["filename"], "images/2099_999999.jpg")
    origin = write_zip(tmp_path / "voc-pose.zip", {f"top/{name}": image for name in names})
    folder = prepared.prepare("image_folder", tmp_path / "data", origin=origin, title="VOC", label="REAL")
    assert [row["filename"] for row in rows(folder / "files.csv")] == [names[1]]
    assert rows(folder / "quarantine.csv") == [{"file": listed["filename"], "reason": listed["reason"]}]
