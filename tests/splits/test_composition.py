"""Who is in which split: counts, presets, validation list, identical images."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from cifake_keras import protocol
from cifake_keras.protocol import FAKE, REAL, Counts, Draw, Phase, TestSet
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources.prepared import Prepared
from cifake_keras.splits import composition, pools

CIFAKE, IMAGENET, SDV15 = "CIFAKE", "ImageNet", "SDv1.5"


def small_phase(train=80, test=20, imagenet=20, sdv15=20) -> Phase:
    return Phase(
        "phase1",
        "Phase 1",
        Counts((Draw(CIFAKE, train),), (Draw(CIFAKE, train),)),
        (
            TestSet("cifake", "CIFAKE", Counts((Draw(CIFAKE, test),), (Draw(CIFAKE, test),))),
            TestSet("sdv15", "SDv1.5", Counts((Draw(IMAGENET, imagenet),), (Draw(SDV15, sdv15),))),
        ),
    )


def sizes(images: composition.ImageSet) -> tuple[int, int]:
    return images.count(REAL), images.count(FAKE)


def names(images: composition.ImageSet) -> set[str]:
    return set(images.examples["source"] + "/" + images.examples["filename"])


def test_paper_takes_the_protocols_counts(data_dir):
    data = composition.compose(small_phase(train=88), "paper", data_dir)
    assert sizes(data.train) == (80, 80) and sizes(data.validation) == (8, 8), "one in eleven validates"
    assert {name: sizes(test) for name, test in data.tests.items()} == {"cifake": (20, 20), "sdv15": (20, 20)}


def test_splits_are_disjoint_and_official(data_dir):
    data = composition.compose(small_phase(train=88), "paper", data_dir)
    parts = [names(part) for part in (data.train, data.validation, *data.tests.values())]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert all("CIFAKE/train/" in name for name in parts[0])
    assert all("CIFAKE/test/" in name for name in parts[1] | parts[2])


def test_paper_refuses_and_says_what_is_missing(data_dir):
    with pytest.raises(UserError, match=r"SDv1\.5 FAKE: 798 wanted, 20 there(.|\n)*data prepare image_folder"):
        composition.compose(protocol.phases("paper")["phase1"], "paper", data_dir)


def test_available_thins_the_larger_class_and_leaves_out_what_is_absent(data_dir):
    data = composition.compose(protocol.phases("available")["phase1"], "available", data_dir)
    assert sizes(data.tests["sdv15"]) == (20, 20), "60 photographs are thinned to 20 fakes"
    assert "ifv1" not in data.tests
    assert sizes(data.train) == (100, 100)


def test_available_gives_a_third_of_a_short_source_to_its_tests(data_dir):
    data = composition.compose(protocol.phases("available")["phase2"], "available", data_dir)
    used = {source["name"]: source["splits"] for source in data.data}
    assert used["SDv1.5"]["in_sample"]["FAKE"] == 6
    assert used["SDv1.5"]["train"]["FAKE"] + used["SDv1.5"]["validation"]["FAKE"] == 14
    assert used["ImageNet"]["in_sample"]["REAL"] + used["ImageNet"].get("sdv21", {}).get("REAL", 0) <= 20
    for part in (data.train, data.validation, *data.tests.values()):
        real, fake = sizes(part)
        assert real == fake


def test_the_record_counts_every_image(data_dir):
    data = composition.compose(small_phase(), "available", data_dir)
    recorded = sum(count for source in data.data for classes in source["splits"].values() for count in classes.values())
    assert recorded == len(data.train) + len(data.validation) + sum(map(len, data.tests.values()))


def test_the_seed_decides_the_split(data_dir):
    first, again, other = (composition.compose(small_phase(), "paper", data_dir, seed=seed) for seed in (0, 0, 1))
    assert names(first.validation) == names(again.validation) != names(other.validation)


def test_identical_images_go_to_one_side():
    """Pairs that do not fit are passed over, and single images fill the split."""
    digests = [f"{i // 2}" for i in range(40)] + ["single 1", "single 2", "single 3"]
    examples = pd.DataFrame({"digest": digests, "source": "x", "split": "train", "label": REAL})
    rows = list(examples.index)
    pool = pools.Pool(Prepared(np.empty((43, 32, 32, 3), np.uint8), examples, ""), rows, rows)
    dealt = pool.deal(Counter({"test": 7, "validation": 4, "train": 32}))
    assert {split: len(images) for split, images in dealt.items()} == {"test": 7, "validation": 4, "train": 32}
    contents = [set(images["digest"]) for images in dealt.values()]
    assert sum(map(len, contents)) == len(set.union(*contents))


def test_what_the_official_split_shares_is_counted():
    examples = pd.DataFrame({"digest": ["a", "b", "b", "c"]})
    train = composition.ImageSet(pd.DataFrame({"digest": ["b", "d"]}), {})
    assert composition.shared_images(train, composition.ImageSet(examples, {})) == 2


def test_the_authors_list_validates(data_dir, tmp_path):
    listed = {label: [f"{i:04d} (2).jpg" for i in range(10, 20)] for label in ("REAL", "FAKE")}
    for label, files in listed.items():
        (tmp_path / f"val_{label.lower()}_filenames.csv").write_text("\n".join(files) + "\n")
    wanted = composition.read_validation_files(tmp_path)
    data = composition.compose(small_phase(train=110), "paper", data_dir, validation_files=wanted)
    assert names(data.validation) == {f"CIFAKE/test/{name}" for name in wanted}
    assert not names(data.validation) & names(data.tests["cifake"])


@pytest.mark.parametrize("encoding, end", [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-8-sig", "\r\n")])
def test_a_list_may_come_from_any_system(encoding, end, tmp_path):
    for label in ("real", "fake"):
        (tmp_path / f"val_{label}_filenames.csv").write_bytes(f"1 (2).jpg{end}3.jpg{end}".encode(encoding))
    expected = {f"{label}/{name}" for label in ("REAL", "FAKE") for name in ("1 (2).jpg", "3.jpg")}
    assert composition.read_validation_files(tmp_path) == expected


@pytest.mark.parametrize("content", ["1.jpg\n".encode("utf-16"), b"1.jpg\0"])
def test_a_list_that_is_none_is_refused(content, tmp_path):
    (tmp_path / "val_real_filenames.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"val_real_filenames\.csv is UTF-16 or has zero bytes; write it in UTF-8"):
        composition.read_validation_files(tmp_path)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(UserError, match=r"val_real_filenames\.csv is not there"):
        composition.read_validation_files(tmp_path)


def test_images_come_in_the_order_asked_for(data_dir):
    data = composition.compose(small_phase(), "paper", data_dir)
    test = data.tests["sdv15"]
    order = np.random.default_rng(0).permutation(len(test))
    everything = test.images(np.arange(len(test)))
    assert np.array_equal(test.images(order), everything[order])
    real_rows = test.examples["row"].to_numpy()[test.labels == REAL]
    assert np.array_equal(everything[test.labels == REAL], test.stores[IMAGENET][real_rows])
