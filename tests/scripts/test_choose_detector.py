"""What candidates for a detector learn from, and what they are tested on."""

import numpy as np
import pandas as pd
import pytest
from choose_detector import CIFAKE_AIM, WAYS, chosen, summary
from development import learned, unseen
from support import noise_png, write_zip

from cifake_keras.protocol import FAKE, FAMILIES, KERNELS, NATIVE_SIZE, TEST_PHOTOGRAPHS, TRAINING_PHOTOGRAPHS
from cifake_keras.sources import prepared

COUNTS = {"SD": 30, "VOC": 160}
# What images are called in the archives of the study; noise has its own names, which none of theirs has.
NAMES = {
    "VOC": "images/2099_{:06}.jpg",
    "ImageNet native": "imagen/n{}_a.jpg",
    "SD": "9{:03}.jpg",
    "DrawBench SDv1.4": "Noise/{}/CompVis-stable-diffusion-v1-4_seed_0.jpg",
    "DrawBench SDv1.5": "Noise/{}/runwayml-stable-diffusion-v1-5_seed_0.jpg",
    "DrawBench SDv2.1": "Noise/{}/stabilityai-stable-diffusion-2-1_seed_0.jpg",
}
SAMPLES = "outputs/txt2img-samples/samples/9{:05}.png"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """All sources of the families and both sets of photographs, small, each image another one."""
    folder = tmp_path_factory.mktemp("development")
    labels = dict.fromkeys((source for sources in FAMILIES.values() for source in sources), "FAKE")
    labels |= dict.fromkeys((TRAINING_PHOTOGRAPHS, TEST_PHOTOGRAPHS), "REAL")
    for number, (source, label) in enumerate(labels.items()):
        name, count = NAMES.get(source, SAMPLES), COUNTS.get(source, 10)
        members = {name.format(i): noise_png(1000 * number + i, NATIVE_SIZE) for i in range(count)}
        origin = write_zip(folder / f"{number}.zip", members)
        prepared.prepare("image_folder", folder, origin=origin, title=source, label=label)
    return folder


def sources(images) -> set[str]:
    return {store.rpartition(", ")[0] for store in images.examples["source"]}


def test_nothing_of_the_family_left_out_is_learned_and_no_photograph_of_the_tests(data_dir):
    training, validation = learned("DrawBench", data_dir)
    assert sources(training) == sources(validation) == {"SDv1.1", "SDv1 Extile1", "SDv1 JoshCLWren", "SD", "VOC"}
    assert sources(unseen("DrawBench", data_dir)) == {*FAMILIES["DrawBench"], TEST_PHOTOGRAPHS}


def test_an_image_is_on_one_side_under_all_kernels_and_classes_are_balanced(data_dir):
    training, validation = learned(None, data_dir)
    assert not set(training.examples["digest"]) & set(validation.examples["digest"])
    for images in (training, validation):
        assert set(images.examples.groupby("digest")["kernel"].nunique()) == {len(KERNELS)}
        assert (images.labels == FAKE).mean() == pytest.approx(0.5)


def test_the_pixels_are_those_of_their_kernel(data_dir):
    images = unseen("SDv1.1", data_dir)
    places = np.flatnonzero(images.examples["kernel"] == "nearest")
    expected = prepared.load(data_dir, "image_folder/sdv11", "nearest").images[np.arange(10)]
    assert np.array_equal(images.images(places)[:10], expected)


def told(candidate: str, family: str, kernel: str, value: float, tnr: float = 0.5, **more) -> dict:
    """A row of a candidate's table."""
    common = {"asked": WAYS[0], "seed": 1, "parameters": 1, "auc": 0.5, "cifake": CIFAKE_AIM}
    rates = {"balanced_accuracy": value, "tnr": tnr}
    return common | {"candidate": candidate, "family": family, "kernel": kernel} | rates | more


def test_a_candidate_is_judged_under_its_worst_kernel():
    """Means over families come first."""
    rated = {("nearest", "a"): 0.5, ("nearest", "b"): 0.7, ("box", "a"): 0.9, ("box", "b"): 0.5}
    rows = (told("one", family, kernel, value) for (kernel, family), value in rated.items())
    (row,) = summary(pd.DataFrame(rows)).to_dict("records")
    assert row["balanced_accuracy_worst_kernel"] == pytest.approx(0.6)
    assert (row["balanced_accuracy"], row["families"]) == (pytest.approx(0.65), 2)


@pytest.mark.parametrize(
    ("gains", "aim", "name"),
    [
        ((0.02, -0.005), CIFAKE_AIM, "steady"),
        ((0.02, 0.02), CIFAKE_AIM, "best"),
        ((0.02, 0.02), 0.5, "steady"),
    ],
    ids=["within one standard error", "beyond it", "the best forgets CIFAKE"],
)
def test_of_those_near_the_best_the_steadiest_between_kernels_is_chosen(gains, aim, name):
    """gains: what the best has more, of two families."""
    rows = [
        told(candidate, family, kernel, value, tnr, cifake=cifake)
        for family, gain in zip("ab", gains, strict=True)
        for candidate, value, moves, cifake in (("steady", 0.7, 0.1, CIFAKE_AIM), ("best", 0.7 + gain, 0.2, aim))
        for kernel, tnr in (("box", 0.5), ("nearest", 0.5 + moves))
    ]
    assert chosen(summary(pd.DataFrame(rows))) == name
