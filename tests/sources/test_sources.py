"""Sources: what is read is what is kept, what cannot be read is named, and nothing half-done looks prepared."""

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import (
    REAL_DATA,
    cifake_members,
    command,
    encoded,
    files_below,
    generator_members,
    noise,
    noise_png,
    picture,
    tiny_imagenet_members,
    write_zip,
)

from cifake_keras import protocol
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared, reading

# The options of prepare, the archive's content, and (label, generator) that every image is expected to have.
LAYOUTS = {
    "cifake": ({}, lambda: cifake_members(5, 3), {("REAL", ""), ("FAKE", "SDv1.4")}),
    "tiny_imagenet": ({}, tiny_imagenet_members, {("REAL", "")}),
    "image_folder/sdv15": ({"title": "SDv1.5", "label": "FAKE"}, generator_members, {("FAKE", "SDv1.5")}),
    "image_folder/flickr": ({"title": "Flickr", "label": "REAL"}, generator_members, {("REAL", "")}),
}


def prepare(dataset: str, data_dir: Path, origin: Path) -> Path:
    return prepared.prepare(dataset.partition("/")[0], data_dir, origin=origin, **LAYOUTS[dataset][0])


def prepare_generator(data_dir: Path, members: dict[str, bytes]) -> Path:
    archive = write_zip(data_dir.with_name(f"{data_dir.name}.zip"), members)
    return prepare("image_folder/sdv15", data_dir, archive)


def load(data_dir: Path, dataset: str = "image_folder/sdv15", kernel: str = "bilinear") -> prepared.Prepared:
    return prepared.load(data_dir, dataset, kernel)


def as_data_source(folder: Path) -> list[dict]:
    """The examples of all splits, as any user of TFDS reads them."""
    import tensorflow_datasets as tfds

    sources = tfds.builder_from_directory(folder).as_data_source()
    return [example for split in sorted(sources) for example in sources[split]]


def pixels(source) -> np.ndarray:
    return source.images[np.arange(len(source.images))]


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_archive_and_folder_give_the_same(tmp_path, dataset):
    archive = write_zip(tmp_path / "archive.zip", LAYOUTS[dataset][1]())
    zipfile.ZipFile(archive).extractall(tmp_path / "unpacked")
    folders = [prepare(dataset, tmp_path / f"from-{place}", tmp_path / place) for place in ("archive.zip", "unpacked")]
    files_of = [list(csv.DictReader((folder / "files.csv").open(newline=""))) for folder in folders]
    assert files_of[0] == files_of[1] == sorted(files_of[0], key=lambda file: file["filename"])
    first, second = (load(tmp_path / f"from-{place}", dataset) for place in ("archive.zip", "unpacked"))
    assert first.fingerprint == second.fingerprint
    assert np.array_equal(pixels(first), pixels(second)) and first.examples.equals(second.examples)
    rows = first.examples.itertuples()
    assert {(protocol.CLASSES[row.label], row.generator) for row in rows} == LAYOUTS[dataset][2]


def test_examples_are_what_the_archive_holds(tmp_path):
    """Native size and pixels, through TFDS alone; the official test images of tiny-imagenet have no place."""
    members = tiny_imagenet_members()
    folder = prepare("tiny_imagenet", tmp_path / "data", write_zip(tmp_path / "a.zip", members))
    examples = {example["filename"].decode(): example for example in as_data_source(folder)}
    assert set(examples) == {name.partition("/")[2] for name in members if "/test/" not in name}
    for name, example in examples.items():
        pixels = np.asarray(Image.open(io.BytesIO(members[f"tiny-imagenet-200/{name}"])))
        assert example["image"].dtype == np.uint8 and np.array_equal(example["image"], pixels)
        assert (example["label"], example["generator"]) == (protocol.REAL, b"")


def test_cifake_keeps_the_official_split_and_the_class_of_each_file(data_dir):
    examples = load(data_dir, "cifake").examples
    assert examples["split"].value_counts().to_dict() == {"train": 200, "test": 80}
    folders = examples["filename"].str.split("/", expand=True)
    assert (folders[0] == examples["split"]).all()
    assert (folders[1] == examples["label"].map(dict(enumerate(protocol.CLASSES)))).all()


def test_what_each_file_was_is_kept(tmp_path):
    """Upright, as the images are; refused files are named elsewhere."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn clockwise to see it upright
    wide = encoded(Image.fromarray(noise(1)[:20]), "JPEG", exif=exif, subsampling="4:2:0")
    members = {"b.png": wide, "text.jpg": b"This is no image.", "a, or 1.png": noise_png(2)}
    folder = prepare_generator(tmp_path / "data", members)
    assert (folder / "files.csv").read_text().splitlines() == [
        "filename,format,bytes,width,height,subsampling,quantisation",
        f'"a, or 1.png",PNG,{len(noise_png(2))},48,48,,',
        f"b.png,JPEG,{len(wide)},20,48,4:2:0,{reading.encoding(wide)[2]}",
    ]


# --- What cannot be read


def damaged(archive: Path, content: bytes) -> None:
    """Turns one byte of a stored member over, so that its CRC is wrong."""
    everything = bytearray(archive.read_bytes())
    everything[everything.index(content) + len(content) // 2] ^= 0xFF
    archive.write_bytes(everything)


BAD = {
    "truncated.jpg": picture(1, False, 64)[:-400],
    "text.jpg": b"This is no image.",
    "empty.jpg": b"",
    "half.png": noise_png(2)[:3000],
}


def test_unreadable_images_are_named_and_counted_and_their_neighbours_kept(tmp_path, capsys):
    members = generator_members() | {f"sd/{name}": content for name, content in BAD.items()}
    archive = write_zip(tmp_path / "a.zip", members | {"sd/crc.png": noise_png(77)})
    damaged(archive, noise_png(77))
    folder = prepare("image_folder/sdv15", tmp_path / "data", archive)
    refused = quarantined(folder)
    assert set(refused) == {f"sd/{name}" for name in (*BAD, "crc.png")} and all(refused.values())
    shown = capsys.readouterr().err
    assert "5 refused, all named in" in shown and "refused sd/text.jpg: not an image" in shown and "6 images" in shown
    assert set(load(tmp_path / "data").examples["filename"]) == set(generator_members())


def test_strict_refuses_what_others_leave_out(tmp_path):
    data_dir = tmp_path / "data"
    archive = write_zip(tmp_path / "a.zip", generator_members() | {"sd/../bad.png": noise_png(7)})
    strict = {"origin": archive, "title": "SDv1.5", "strict": True}
    with pytest.raises(UserError, match=r"a\.zip: sd/\.\./bad\.png: its path leads out of the archive; without"):
        prepared.prepare("image_folder", data_dir, **strict)
    assert not files_below(data_dir)
    prepare("image_folder/sdv15", data_dir, archive)
    with pytest.raises(UserError, match=r"lacks the images that its quarantine\.csv names; leave --strict out"):
        prepared.prepare("image_folder", data_dir, **strict)
    assert prepared.available(data_dir) == {"image_folder/sdv15": 6}


def quarantined(folder: Path) -> dict[str, str]:
    with open(folder / "quarantine.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row["reason"] for row in csv.DictReader(file)}


def test_what_is_in_a_folder_besides_images_is_named_and_counted_by_reason(tmp_path, capsys):
    origin = tmp_path / "origin"
    for name in (".DS_Store", ".a", ".b", ".git/c", "notes.txt", "good.jfif", "deeper/good"):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_bytes(noise_png(1) if "good" in name else b"no image")
    (origin / "elsewhere").symlink_to(tmp_path)
    Path(os.fsdecode(bytes(origin) + b"/\xff")).symlink_to("nowhere")
    folder = prepare("image_folder/sdv15", tmp_path / "data", origin)
    reasons = dict.fromkeys((".DS_Store", ".a", ".b", ".git"), "is hidden") | {"\\udcff": "is a link to nothing"}
    reasons |= {"elsewhere": "is a link to a folder, which is not followed; name that folder itself"}
    assert quarantined(folder) == reasons | {"notes.txt": "is no image by its name or first bytes"}
    shown = capsys.readouterr().err
    assert "2 images" in shown and "2 refused, 5 no images, all named in" in shown
    assert "left out .DS_Store, .a, .b and 1 more: is hidden" in shown and "refused elsewhere: is a link" in shown
    with pytest.raises(UserError, match=r"elsewhere: is a link to a folder.*; without --strict it is left out"):
        prepared.prepare("image_folder", tmp_path / "strict", origin=origin, title="SDv1.5", strict=True)


def test_strict_does_not_mind_what_is_no_image(tmp_path):
    archive = write_zip(tmp_path / "a.zip", generator_members() | {"README": b"about", "__MACOSX/._0.png": b""})
    for _ in ("prepared", "prepared already"):
        folder = prepared.prepare("image_folder", tmp_path / "data", origin=archive, title="SDv1.5", strict=True)
    assert set(quarantined(folder)) == {"README", "__MACOSX/._0.png"}


def test_images_outside_the_layout_of_a_data_set_are_named(tmp_path):
    cifake = cifake_members(2, 2) | {"validation/REAL/1.jpg": picture(1, False), "notes.txt": b""}
    folder = prepare("cifake", tmp_path / "data", write_zip(tmp_path / "cifake.zip", cifake))
    assert quarantined(folder).keys() == {"validation/REAL/1.jpg", "notes.txt"}
    besides = ("words.txt", "wnids.txt", "val/val_annotations.txt", "train/n00/n00_boxes.txt")
    tiny = tiny_imagenet_members() | {f"tiny-imagenet-200/{name}": b"" for name in besides}
    folder = prepare("tiny_imagenet", tmp_path / "data", write_zip(tmp_path / "tiny.zip", tiny))
    assert not (folder / "quarantine.csv").exists()


PAIRS = [("ai", "nature"), ("0_real", "1_fake"), ("real", "fake"), ("REAL", "FAKE"), ("RealArt", "AiArtData")]
PAIRS += [("train/REAL", "train/FAKE"), ("training_real", "training_fake"), ("x\\Real", "x\\Fake")]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("label", ["REAL", "FAKE"])
def test_two_classes_are_not_taken_for_one(pair, label, tmp_path):
    """Photographs would be labelled FAKE."""
    separator = "\\" if "\\" in pair[0] else "/"
    members = {f"{folder}{separator}{i}.png": noise_png(i) for i, folder in enumerate(pair)}
    with pytest.raises(UserError, match=r"photographs \(\S+\) beside fakes \(\S+\).*name the folder of one class with"):
        options = {"title": "Mine", "label": label, "origin": write_zip(tmp_path / "a.zip", members)}
        prepared.prepare("image_folder", tmp_path / "data", **options)
    assert not files_below(tmp_path / "data")


@pytest.mark.parametrize("pair", [("nature", "city"), ("fake", "ai_photos"), ("realism", "aircraft")])
def test_folders_of_subjects_are_of_one_class(pair, tmp_path):
    folder = prepare_generator(tmp_path / "data", {f"{folder}/1.png": noise_png(1) for folder in pair})
    assert prepared.count(folder) == 2


def test_a_refused_image_may_have_the_name_of_another(tmp_path):
    members = cifake_members(2, 2)
    name = "train/REAL/0000 (2).jpg"
    archive = write_zip(tmp_path / "a.zip", members | {f"../{name}": members[name]})
    folder = prepare("cifake", tmp_path / "data", archive)
    assert prepared.available(tmp_path / "data") == {"cifake": 8} and name in (folder / "quarantine.csv").read_text()


def test_unreadable_files_of_a_folder_are_skipped(tmp_path):
    """A link to nowhere, and a name that is not UTF-8."""
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "good.png").write_bytes(noise_png(1))
    (origin / "gone.png").symlink_to("nowhere.png")
    Path(os.fsdecode(bytes(origin) + b"/\xff.png")).write_bytes(noise_png(2))
    folder = prepare("image_folder/sdv15", tmp_path / "data", origin)
    assert "gone.png" in (folder / "quarantine.csv").read_text()
    assert set(load(tmp_path / "data").examples["filename"]) == {"good.png", "\\udcff.png"}


def test_an_archive_without_one_readable_image_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none of 4 images can be read; \w+\.(jpg|png), for one"):
        prepare_generator(tmp_path / "data", BAD)
    assert prepared.available(tmp_path / "data") == {}


def test_two_images_of_one_name_are_refused(tmp_path):
    members = cifake_members(2, 2)
    twice = {f"{top}/{name}": content for top in "ab" for name, content in members.items()}
    with pytest.raises(UserError, match=r"two images named train/(REAL|FAKE)/0000 \(2\)\.jpg"):
        prepare("cifake", tmp_path / "data", write_zip(tmp_path / "a.zip", twice))
    assert prepared.available(tmp_path / "data") == {}


# --- Fingerprints, arrays, and what is there already


def test_fingerprint_is_of_the_pixels_not_of_the_archives_order(tmp_path):
    members = list(generator_members().items())
    changed = noise(0)
    changed[7, 7, 1] ^= 1
    archives = {
        "plain": dict(members),
        "shuffled": dict(random.Random(1).sample(members, len(members))),
        "renamed": {f"other/{i}.png": content for i, (_, content) in enumerate(reversed(members))},
        "changed": dict(members) | {"sd/0.png": encoded(Image.fromarray(changed))},
    }
    prints = {}
    for name, content in archives.items():
        prepare_generator(tmp_path / name, content)
        prints[name] = load(tmp_path / name).fingerprint
    assert prints["plain"] == prints["shuffled"] == prints["renamed"] != prints["changed"]


def test_arrays_are_reused_and_one_a_kernel(tmp_path):
    folder = prepare_generator(tmp_path / "data", generator_members())
    bilinear, nearest = load(tmp_path / "data"), load(tmp_path / "data", kernel="nearest")
    assert bilinear.fingerprint == nearest.fingerprint and not np.array_equal(pixels(bilinear), pixels(nearest))
    for image, filename in zip(pixels(bilinear), bilinear.examples["filename"], strict=True):
        original = noise(int(filename[3:-4]))
        assert np.array_equal(image, reading.resize(original, 32, "bilinear"))
    written = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}
    load(tmp_path / "data")
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")} == written


def test_second_origin_is_not_pretended_to_be_read(tmp_path, capsys):
    prepare_generator(tmp_path / "data", generator_members())
    before = load(tmp_path / "data").fingerprint
    capsys.readouterr()
    prepare_generator(tmp_path / "data", {"other.png": noise_png(99)})
    shown = capsys.readouterr().err
    assert "6 images" in shown and "already" in shown and "delete that folder to prepare it anew" in shown
    assert load(tmp_path / "data").fingerprint == before


def test_interrupted_writing_of_arrays_leaves_none(tmp_path, monkeypatch):
    folder = prepare_generator(tmp_path / "data", generator_members())
    with monkeypatch.context() as patched:
        patched.setattr(reading, "resize", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            load(tmp_path / "data")
    assert not [path for path in folder.iterdir() if "32-" in path.name and path.is_dir()]
    assert len(load(tmp_path / "data").examples) == 6


@pytest.mark.parametrize("name", ["images.npy", "examples.csv"])
def test_arrays_that_were_tampered_with_are_not_used(name, tmp_path):
    """They were trained on, and recorded with the fingerprint of the images that they had been made of."""
    folder = prepare_generator(tmp_path / "data", generator_members())
    fingerprint = load(tmp_path / "data").fingerprint
    path = folder / "32-bilinear" / name
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{name} has changed since it was made"):
        load(tmp_path / "data")
    shutil.rmtree(path.parent)
    assert load(tmp_path / "data").fingerprint == fingerprint


# --- Runs that are cut off


def slow_archive(path: Path) -> Path:
    """Many names for one image that takes a while to encode."""
    content = encoded(Image.fromarray(noise(1, 512)), "JPEG")
    return write_zip(path, {f"{i}.jpg": content for i in range(2_000)})


def cut_off(data_dir: Path, archive: Path, how: signal.Signals) -> subprocess.CompletedProcess:
    """Sends a signal to `data prepare` in the middle of its work."""
    line = [sys.executable, "-m", "cifake_keras.cli", "data", "prepare", "image_folder", "--generator", "SDv1.5"]
    line += ["--from", archive, "--data-dir", data_dir]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while not list(data_dir.glob("image_folder/sdv15/incomplete.*")) and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(how)
        told, _ = process.communicate(timeout=30)
    return subprocess.CompletedProcess(line, process.returncode, told)


@pytest.mark.slow
def test_interrupting_leaves_nothing_and_says_one_sentence(tmp_path):
    done = cut_off(tmp_path / "data", slow_archive(tmp_path / "a.zip"), signal.SIGINT)
    assert done.returncode == 130 and len(done.stdout.splitlines()) == 1 and "Interrupted" in done.stdout
    assert not files_below(tmp_path / "data")


@pytest.mark.slow
def test_killed_run_is_not_taken_for_a_finished_one(tmp_path):
    data_dir = tmp_path / "data"
    assert cut_off(data_dir, slow_archive(tmp_path / "a.zip"), signal.SIGKILL).returncode == -signal.SIGKILL
    (left,) = (data_dir / "image_folder/sdv15").glob("incomplete.*")
    files.write_json(left / "dataset_info.json", {})  # the last file that TFDS writes before it renames the folder
    assert prepared.find(data_dir, "image_folder/sdv15") is None and prepared.available(data_dir) == {}
    prepare_generator(data_dir, generator_members())
    assert prepared.available(data_dir) == {"image_folder/sdv15": 6} and not left.exists()


@pytest.mark.slow
def test_two_that_prepare_one_source_wait_for_each_other(tmp_path):
    """The second removed what the first was writing."""
    content = encoded(Image.fromarray(noise(1, 256)), "JPEG")
    archive = write_zip(tmp_path / "a.zip", {f"{i}.jpg": content for i in range(300)})
    line = [sys.executable, "-m", "cifake_keras.cli", "data", "prepare", "image_folder", "--generator", "SDv1.5"]
    line += ["--from", archive, "--data-dir", tmp_path / "data"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    outputs = [process.communicate()[0] for process in [subprocess.Popen(line, **streams) for _ in range(2)]]
    assert sorted("already, so nothing was read" in output for output in outputs) == [False, True], outputs
    assert all("300 images in" in output for output in outputs)
    assert [path.name for path in (tmp_path / "data/image_folder/sdv15").iterdir()] == ["1.0.0"]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="CIFAKE_KERAS_REAL_DATA is not set")
def test_real_images_of_a_generator(tmp_path, capsys):
    archive = Path(REAL_DATA) / "generators" / "sd-v1-5.zip"
    folder = prepare("image_folder/sdv15", tmp_path / "data", archive)
    assert "300 images" in capsys.readouterr().err and not (folder / "quarantine.csv").exists()
    examples = load(tmp_path / "data").examples
    assert len(examples) == 300 and set(examples["label"]) == {protocol.FAKE}
    assert set(examples["generator"]) == {"SDv1.5"}


@pytest.mark.slow
def test_preparing_leaves_nothing_among_temporary_files(tmp_path):
    """TFDS's search in its own bucket would."""
    origin = write_zip(tmp_path / "gan.zip", {"1.png": noise_png(1)})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = ("--generator", "GAN", "--from", origin, "--data-dir", tmp_path / "data")
    done = command("data", "prepare", "image_folder", *options, env={**os.environ, "TMPDIR": str(temporary)})
    assert done.returncode == 0 and not list(temporary.iterdir())
