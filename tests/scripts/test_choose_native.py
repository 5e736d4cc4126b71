"""What candidates for the native detector learn from, and what they are tested on."""

import numpy as np
import pandas as pd
import pytest
from choose_native import CANDIDATES, VIEWS, WAYS, columns, learned, measured, summary
from pictures import cut, drawn, halved, pictures
from support import noise_png, write_zip

from cifake_keras.models.backbones.efficientnet_lite0 import CHANNELS
from cifake_keras.protocol import FAKE, FAMILIES, TEST_PHOTOGRAPHS, TRAINING_PHOTOGRAPHS
from cifake_keras.sources import prepared

SIZE = 2 * sum(CHANNELS[:5])
COUNTS = {TRAINING_PHOTOGRAPHS: 400, TEST_PHOTOGRAPHS: 60}
FAKES = [source for sources in FAMILIES.values() for source in sources]


def features(source: str) -> dict[str, np.ndarray]:
    """Of noise; those of fakes are larger in one place of stage 1, and in another where they are halved."""
    draws, count = np.random.default_rng(list(source.encode())), COUNTS.get(source, 60)
    found = {"digest": np.array([draws.bytes(16).hex() for _ in range(count)])}
    found |= {name: draws.normal(size=(count, SIZE)) for name in WAYS}
    found["views"] = draws.normal(size=(count, VIEWS, SIZE))
    if source in FAKES:
        for name in ("views", "cut"):
            found[name][..., 2 * CHANNELS[0]] += 6
    return found


def test_nothing_of_the_family_left_out_is_learned_and_no_photograph_of_the_tests():
    asked = []

    def recorded(source):
        asked.append(source)
        return features(source)

    known = learned("DrawBench", recorded)
    assert set(asked) == {*FAKES, TRAINING_PHOTOGRAPHS} - set(FAMILIES["DrawBench"])
    assert (known.labels == FAKE).mean() == 0.5 and 0.1 < known.validating.mean() < 0.3
    of_pictures = known.validating.reshape(-1, VIEWS)
    assert (of_pictures == of_pictures[:, :1]).all(), "the views of a picture are on one side"


def test_a_candidate_is_rated_by_what_it_can_see():
    """Fakes that are halved look as photographs do."""
    rows = pd.DataFrame(measured(CANDIDATES[0], features))
    assert set(rows["family"]) == set(FAMILIES) and set(rows["way"]) == set(WAYS)
    by_way = rows.groupby("way")[["auc", "tpr", "tnr"]].mean()
    assert by_way.loc["cut", "auc"] > 0.99 and by_way.loc["cut", ["tpr", "tnr"]].min() > 0.9
    assert 0.35 < by_way.loc["halved", "auc"] < 0.65
    table = summary(pd.concat([rows, rows.assign(candidate="worse", balanced_accuracy=0.4)]))
    assert list(table["candidate"]) == [CANDIDATES[0].name, "worse"] and list(table["families"]) == [4, 4]


def test_columns_are_those_of_the_stages():
    assert list(columns((1,))) == list(range(2 * CHANNELS[0], 2 * (CHANNELS[0] + CHANNELS[1])))
    assert len(columns(tuple(range(5)))) == SIZE


def test_a_picture_is_the_one_that_was_prepared(tmp_path):
    members = {f"outputs/txt2img-samples/samples/9{i:05}.png": noise_png(i, 300 + i) for i in range(5)}
    origin = write_zip(tmp_path / "sd-bento170502.zip", members)
    prepared.prepare("image_folder", tmp_path / "data", origin=origin, title="SDv1.1", label="FAKE")
    stored = prepared.stored(prepared.find(tmp_path / "data", "image_folder/sdv11"))["train"]
    found = list(pictures("SDv1.1", tmp_path, tmp_path / "data"))
    assert len(found) == 5 and {picture.shape[0] for _, picture in found} == {300, 301, 302, 303, 304}
    for (_, picture), example in zip(found, stored, strict=True):
        assert np.array_equal(cut(picture), example["image"])
        assert halved(picture).shape == (len(picture) // 2,) * 2 + (3,)


@pytest.mark.parametrize("size", [(256, 300), (600, 400)])
def test_views_are_drawn_and_no_smaller_than_the_detector_takes(size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    views = [drawn(picture, np.random.default_rng(seed)) for seed in range(30)]
    assert all(min(view.shape[:2]) >= 64 and max(view.shape[:2]) <= 256 for view in views)
    assert len({view.tobytes() for view in views}) == 30
    assert np.array_equal(drawn(picture, np.random.default_rng(3)), views[3])
