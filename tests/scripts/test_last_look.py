"""What pictures undergo before the native detector is asked, and which photographs are a camera's."""

import numpy as np
import pandas as pd
import pytest
from cameras import photographs
from last_look import changes, record, screenshot
from PIL import ExifTags, Image
from support import encoded, noise

from cifake_keras.detector import model_card

PICTURE = np.asarray(Image.fromarray(noise(1, 90)).resize((400, 300), Image.Resampling.BICUBIC))


def test_every_change_leaves_a_picture_that_the_detector_takes():
    listed = dict(changes())
    for title, change in listed.items():
        changed = change(PICTURE)
        assert changed.dtype == np.uint8 and min(changed.shape[:2]) >= 64, title
        assert np.array_equal(changed, PICTURE) == (title == "as they are"), title
    assert listed["scaled to 50%"](PICTURE).shape == (150, 200, 3)
    spread = np.std(listed["noise of 8 levels"](PICTURE).astype(float) - PICTURE)
    assert spread == pytest.approx(8, rel=0.15), "less at black and white"


def test_a_card_says_what_was_caught_at_the_last_look(tmp_path):
    rates = {"DALL-E 3": 0.5, "Stable Cascade": 0.25}
    table = pd.DataFrame({"generator": rates.keys(), "tpr": rates.values(), "tnr": 0.75})
    record(tmp_path, ["The first.", "The last."], table, table)
    card = model_card.read(tmp_path)
    caught = "it caught 50% of DALL-E 3's pictures, 25% of Stable Cascade's pictures, and left 75% of photographs alone"
    assert card["limits"] == ["The first.", f"Asked once, {caught}.", "The last."]
    assert card["last_look"] == table.to_dict("records")


@pytest.mark.slow
def test_a_screenshot_shows_the_picture():
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    wide = np.asarray(Image.fromarray(PICTURE).resize((1200, 300)))
    with screenshot() as captured:
        assert np.abs(captured(PICTURE).astype(int) - PICTURE).max() <= 1
        assert captured(wide).shape == (150, 600, 3)


def test_photographs_are_those_with_a_camera_and_each_once(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker ", "One"
    made = {"camera.jpg": (80, exif), "copy.jpg": (80, exif), "small.jpg": (40, exif), "none.jpg": (81, Image.Exif())}
    for name, (side, tags) in made.items():
        (tmp_path / name).write_bytes(encoded(Image.fromarray(noise(1, side)), "JPEG", exif=tags))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    assert list(photographs(tmp_path)) == [(tmp_path / "camera.jpg", "Maker One", 80)]
