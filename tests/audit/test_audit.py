"""The audit finds what was planted, and nothing where there is nothing."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from support import REAL_DATA, write_zip

from cifake_keras import audit
from cifake_keras.audit import confounds, duplicates, floor, measures
from cifake_keras.cli import main
from cifake_keras.protocol import FLOOR
from cifake_keras.sources import prepared
from cifake_keras.splits.composition import ImageSet


def smooth(number: int) -> np.ndarray:
    """uint8 [32, 32, 3]: a picture of its own, without detail."""
    noise = np.random.default_rng(number).integers(40, 216, (6, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((32, 32), Image.Resampling.BICUBIC))


def grainy(picture: np.ndarray, levels: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, levels, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def image_set(pictures) -> ImageSet:
    """Of one source, with what the audit looks at."""
    images = np.asarray(pictures, np.uint8)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    return ImageSet(pd.DataFrame({"source": "S", "row": range(len(images)), "digest": digests}), {"S": images})


def measured(*pictures: np.ndarray) -> pd.DataFrame:
    return measures.measure(image_set(pictures))


def found(images: ImageSet, kind: str) -> set[tuple[int, int]]:
    pairs = duplicates.find(images).query("kind == @kind")
    return set(zip(pairs["first"], pairs["second"], strict=True))


# --- Duplicates


def test_planted_duplicates_are_found_and_no_others():
    pictures = [smooth(number) for number in range(200)]
    pictures += [pictures[7], pictures[7], grainy(pictures[11], 4), grainy(pictures[7], 4)]
    images = image_set(pictures)
    assert found(images, "exact") == {(7, 200), (7, 201), (200, 201)}
    assert found(images, "near") == {(11, 202), (7, 203)}, "of identical images one stands for all"


def test_hashes_alone_make_no_duplicate():
    """Brightness leaves a perceptual hash as it is."""
    dark = smooth(3) // 2
    assert found(image_set([dark, dark + 15]), "near") == {(0, 1)}
    assert found(image_set([dark, dark + 60]), "near") == set()


def test_a_set_without_duplicates_has_none():
    pairs = duplicates.find(image_set([smooth(1), smooth(2), smooth(3)]))
    counts = duplicates.count(pairs, pd.Series(["train", "train", "test"]))
    assert pairs.empty and len(counts) == 4 and not counts[["pairs", "groups"]].to_numpy().any()


def test_pairs_and_groups_are_counted_within_and_between_places():
    pairs = pd.DataFrame({"kind": "exact", "first": [0, 0, 1, 3], "second": [1, 2, 2, 4]})
    counts = duplicates.count(pairs, pd.Series(["b train", "b train", "a test", "b train", "b train"]))
    rows = {(row.kind, row.place, row.other): (row.pairs, row.groups) for row in counts.itertuples()}
    assert rows == {
        ("exact", "a test", "a test"): (0, 0),
        ("exact", "a test", "b train"): (2, 1),
        ("exact", "b train", "b train"): (2, 2),
        ("near", "a test", "a test"): (0, 0),
        ("near", "b train", "b train"): (0, 0),
    }


# --- Measures


@pytest.mark.parametrize("cycles", [1, 5, 16])
def test_power_is_seen_at_its_frequency(cycles):
    frequency = np.fft.fftfreq(32, 1 / 32)
    ring = np.round(np.hypot(frequency[:, None], frequency)) == cycles
    wave = np.fft.ifft2(ring * np.exp(2j * np.pi * np.random.default_rng(1).random((32, 32)))).real
    table = measured(np.repeat(127 + 100 * wave[..., None] / np.abs(wave).max(), 3, axis=-1))
    assert table[measures.SPECTRUM[1:]].idxmax(axis=1)[0] == f"spectrum_{cycles:02}"
    assert (table["high_frequencies"][0] > 0.9) == (cycles > 8)


def test_grey_is_told_from_nearly_grey_and_from_colour():
    grey = np.repeat(smooth(1)[..., :1], 3, axis=-1)
    tinted = grey + np.array([5, 0, 0], np.uint8)
    halved = grey.copy()
    halved[:16] = smooth(1)[:16] // 2 * np.array([1, 0, 0], np.uint8)
    table = measured(grey, tinted, halved)
    assert table["grey"].tolist() == [1, 0, 0] and table["near_grey"].tolist() == [1, 1, 0]
    assert table["grey_share"].tolist() == [1, 1, 0.5]
    assert table["colourfulness"].is_monotonic_increasing and table["colourfulness"][0] == pytest.approx(0, abs=1e-3)


def test_sharpness_is_lost_by_blur():
    sharp = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    small = Image.fromarray(sharp).resize((16, 16), Image.Resampling.BOX)
    table = measured(sharp, np.asarray(small.resize((32, 32), Image.Resampling.BILINEAR)), np.full_like(sharp, 90))
    assert table["sharpness"].is_monotonic_decreasing and table["sharpness"][2] == pytest.approx(0, abs=1e-3)


# --- Confounds and floor


def unchanged(image: np.ndarray) -> np.ndarray:
    return image


def ordered(image: np.ndarray) -> np.ndarray:
    """The same pixels, in an order that has another spectrum."""
    return image[np.argsort(image.sum(axis=-1), axis=0), np.arange(32)]


def pale(image: np.ndarray) -> np.ndarray:
    """Half the colour, the same luma."""
    return (image / 2 + (image @ [0.299, 0.587, 0.114])[..., None] / 2).round().astype(np.uint8)


def labelled(planted, count: int = 1200) -> pd.DataFrame:
    """Measures of noise: half are fakes, whose images are `planted`; a quarter of each class tests."""
    noise = np.random.default_rng(5).integers(0, 256, (count, 32, 32, 3), np.uint8)
    labels, tests = np.arange(count) % 2, np.arange(count) % 8 > 5
    table = measured(*(planted(image) if label else image for image, label in zip(noise, labels, strict=True)))
    files = {"format": "JPEG", "subsampling": "4:2:0", "quantisation": "071f0329", "bytes": 900, "native_pixels": 1024}
    return table.assign(label=labels, used_in=np.where(tests, "sdv15", "train"), **files)


def rated(table: pd.DataFrame) -> pd.DataFrame:
    return confounds.rate(table, ["sdv15"]).set_index("measure")


def test_confounds_show_what_was_planted():
    table = labelled(pale)
    table.loc[table["label"] == 1, ["native_pixels", "format"]] = 64 * 64, "PNG"
    rows = rated(table)
    assert rows.loc["native_pixels", ["auc", "typical_real", "typical_fake"]].tolist() == [1, 1024, 4096]
    assert rows.loc["format", ["auc", "typical_real", "typical_fake"]].tolist() == [1, "JPEG", "PNG"]
    assert rows.loc[["subsampling", "bytes"], "auc"].tolist() == [0.5, 0.5], "all are alike"
    assert rows.loc["colourfulness", "auc"] == 0, "fakes have less of it"
    assert rows.loc["high_frequencies", "auc"] == pytest.approx(0.5, abs=0.1)


def test_a_category_tells_as_much_as_the_share_of_fakes_in_it():
    table = labelled(unchanged)
    odd = np.arange(len(table)) // 8 % 10 == 0
    table.loc[odd ^ (table["label"] == 1), "subsampling"] = "4:4:4"
    assert rated(table).loc["subsampling", "auc"] == pytest.approx(0.9, abs=0.01)


def test_categories_are_not_told_by_heart():
    """A category an image, and three at random."""
    table = labelled(unchanged)
    rng = np.random.default_rng(3)
    table = table.assign(quantisation=table.index.map(str), subsampling=rng.choice(["a", "b", "c"], len(table)))
    assert rated(table).loc[["quantisation", "subsampling"], "auc"].between(0.4, 0.6).all()


def test_one_image_of_a_class_is_not_enough_to_rate_a_category():
    rows = labelled(unchanged).groupby(["label", "used_in"]).head(1)
    assert rated(rows).loc["format", "auc"] == 0.5


@pytest.mark.parametrize(
    "planted, above",
    [(unchanged, ()), (ordered, ("spectrum", "colour_spectrum")), (pale, ("colour", "colour_spectrum"))],
)
def test_floor_is_high_where_a_shortcut_was_planted_and_chance_elsewhere(planted, above):
    rows = floor.fit(labelled(planted), ["sdv15"]).set_index("features")
    assert set(rows.index[rows["accuracy"] > 0.95]) == set(above)
    if not above:
        assert rows["accuracy"].between(0.4, 0.6).all()
    assert (rows["n_train"] == 900).all() and (rows[["n_real", "n_fake"]] == 150).all(axis=None)


# --- The whole


@pytest.fixture(scope="module")
def audited(data_dir, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    options = ("--data-dir", data_dir, "--results-dir", results)
    result = CliRunner().invoke(main, ["data", "audit", "--phase", "phase1", *map(str, options)])
    assert result.exit_code == 0, result.output
    return results / "audit" / "phase1"


def test_every_image_of_the_sources_is_read_with_its_native_size(audited):
    sources = pd.read_csv(audited / "sources.csv").set_index(["source", "class"])
    assert sources["images"].to_dict() == {
        ("CIFAKE", "REAL"): 140,
        ("CIFAKE", "FAKE"): 140,
        ("ImageNet", "REAL"): 60,
        ("SDv1.5", "FAKE"): 20,
    }
    assert pd.read_csv(audited / "files.csv").set_index("source")["images"].to_dict() == {
        "CIFAKE": 140,
        "ImageNet": 60,
        "SDv1.5": 20,
    }
    assert sources["min_width"].tolist() == sources["max_height"].tolist() == [32, 32, 64, 96]
    auc = pd.read_csv(audited / "confounds.csv").set_index(["test_set", "measure"])["auc"]
    assert (auc["cifake", "native_pixels"], auc["sdv15", "native_pixels"]) == (0.5, 1)
    assert (auc["cifake", "quantisation"], auc["cifake", "bytes"]) == (0.5, 0), "fakes are smoother, so smaller"


def test_identical_files_are_told_by_official_and_composed_split(audited):
    counts = pd.read_csv(audited / "duplicates.csv").query("kind == 'exact' and pairs > 0")
    assert counts.query("division == 'official split'")[["place", "other", "pairs"]].to_numpy().tolist() == [
        ["CIFAKE FAKE test", "CIFAKE FAKE test", 1],
        ["CIFAKE FAKE train", "CIFAKE FAKE train", 1],
    ]
    pairs = pd.read_csv(audited / "pairs.csv", keep_default_na=False).query("kind == 'exact'")
    names = zip(pairs["first_filename"], pairs["second_filename"], strict=True)
    assert {frozenset(pair) for pair in names} == {
        frozenset(f"{split}/FAKE/000{i} (2).jpg" for i in (0, 1)) for split in ("train", "test")
    }
    assert (pairs["first_used_in"] == pairs["second_used_in"]).all(), "identical images are dealt to one side"


def test_report_tells_the_same_and_shows_the_pairs(audited):
    markdown, page = (audited / name for name in ("audit.md", "audit.html"))
    assert "| exact  | CIFAKE REAL   | CIFAKE REAL   |       0 |" in markdown.read_text(), "none is told as well"
    assert "| SDv1.5     | native size, pixels" in markdown.read_text()
    assert "| JPEG chroma subsampling   | 0.500 |    4:2:0 |" in markdown.read_text()
    html = page.read_text()
    shown = np.load(audited / "examples.npz")["images"]
    assert html.count('src="data:image/png;base64,') == len(shown) >= 2
    assert "train/FAKE/0000 (2).jpg and train/FAKE/0001 (2).jpg" in html and "://" not in html, "self-contained"


@pytest.mark.slow
def test_audit_needs_no_tensorflow(data_dir, tmp_path):
    program = (
        "import sys; from cifake_keras.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    options = ("--phase", "phase1", "--data-dir", str(data_dir), "--results-dir", str(tmp_path))
    subprocess.run([sys.executable, "-c", program, "data", "audit", *options], check=True)


def test_missing_images_end_in_one_sentence(tmp_path):
    options = ["--phase", "phase1", "--data-dir", str(tmp_path / "none"), "--results-dir", str(tmp_path / "results")]
    result = CliRunner().invoke(main, ["data", "audit", *options])
    assert result.exit_code == 2 and "cifake-keras data list" in result.output
    assert not (tmp_path / "results").exists()


def test_data_of_an_older_version_are_to_be_prepared_anew(data_dir, tmp_path):
    old = shutil.copytree(data_dir, tmp_path / "data")
    (old / "cifake" / "1.0.0" / "files.csv").unlink()
    options = ["--phase", "phase1", "--data-dir", str(old), "--results-dir", str(tmp_path / "results")]
    result = CliRunner().invoke(main, ["data", "audit", *options])
    assert result.exit_code == 2 and "delete" in result.output and "prepare it anew" in result.output
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="CIFAKE_KERAS_REAL_DATA is not set")
def test_identical_fakes_of_the_real_cifake_are_found(tmp_path):
    """Among all members with equal checksums, which a photograph and a fake may have by chance, and 600 photographs."""
    with zipfile.ZipFile(Path(REAL_DATA) / "cifake" / "archive.zip") as archive:
        members = pd.DataFrame([(info.filename, info.CRC) for info in archive.infolist()], columns=["name", "crc"])
        alike = members[members.duplicated("crc", keep=False) & members["name"].str.endswith(".jpg")]
        photographs = members[members["name"].str.contains("/REAL/.*jpg")].iloc[::100]
        write_zip(tmp_path / "a.zip", {name: archive.read(name) for name in [*alike["name"], *photographs["name"]]})
    prepared.prepare("cifake", tmp_path / "data", origin=tmp_path / "a.zip")
    audit.run("phase1", "available", tmp_path / "data", tmp_path / "results", frozenset())
    tables = {name: pd.read_csv(tmp_path / f"results/audit/phase1/{name}.csv") for name in ("duplicates", "files")}
    counts = tables["duplicates"].query("kind == 'exact' and pairs > 0").set_index(["division", "place", "other"])
    assert counts["pairs"].loc["class"].to_dict() == {("CIFAKE FAKE", "CIFAKE FAKE"): 1336}
    assert counts["pairs"]["official split", "CIFAKE FAKE test", "CIFAKE FAKE train"] == 378
    assert tables["files"]["quantisation"].nunique() == 1


def test_every_floor_has_a_title():
    assert list(floor.FEATURES) == list(FLOOR)
