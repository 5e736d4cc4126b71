"""Verification: a bit that turns over in prepared data is found, and named where it can be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support import noise_png, write_zip

from cifake_keras.cli import main
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared
from cifake_keras.sources.fingerprint import RECORD

MEMBERS = {f"sd/{i}.png": noise_png(i) for i in range(6)}


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder of six prepared images with the arrays of two kernels."""
    archive = write_zip(tmp_path / "a.zip", MEMBERS)
    found = prepared.prepare("image_folder", tmp_path, origin=archive, title="SDv1.5", label="FAKE")
    for kernel in ("bilinear", "nearest"):
        prepared.load(tmp_path, "image_folder/sdv15", kernel)
    return found


def verify(tmp_path: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["data", "verify", *arguments, "--data-dir", str(tmp_path)])
    assert "Traceback" not in result.output
    return result


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def told_wrong(result: Result) -> str:
    assert result.exit_code == 2
    (line,) = result.stdout.splitlines()
    return line


@pytest.mark.parametrize("names", [(), ("SDv1.5",), ("image_folder",), ("image_folder/sdv15",)])
def test_what_is_right_is_one_line(folder, tmp_path, names):
    result = verify(tmp_path, *names)
    assert result.exit_code == 0
    fingerprint = prepared.load(tmp_path, "image_folder/sdv15", "nearest").fingerprint
    assert result.stdout == f"image_folder/sdv15: 6 images, fingerprint {fingerprint}, as prepared\n"


def test_a_bit_in_a_shard_is_found(folder, tmp_path):
    (shard,) = folder.glob("*.array_record-*")
    flip(shard, shard.read_bytes().rindex(b"IDAT") + 100)
    assert "stored images cannot be read: train " in told_wrong(verify(tmp_path))


def test_another_image_in_a_shard_is_found_and_named(folder, tmp_path):
    """A shard that is sound in itself, from another preparation."""
    other = {**MEMBERS, "sd/3.png": noise_png(99)}
    archive = write_zip(tmp_path / "b.zip", other)
    elsewhere = prepared.prepare("image_folder", tmp_path / "b", origin=archive, title="SDv1.5", label="FAKE")
    (shard,) = elsewhere.glob("*.array_record-*")
    (folder / shard.name).write_bytes(shard.read_bytes())
    told = told_wrong(verify(tmp_path, "SDv1.5", "image_folder/sdv15"))
    other_print = json.loads((elsewhere / RECORD).read_text())["fingerprint"]
    assert f"stored images have the fingerprint {other_print} instead of" in told and "prepare it anew" in told
    assert "32-bilinear/images.npy differs at sd/3.png" in told


def test_a_bit_in_the_arrays_is_found_and_its_image_named(folder, tmp_path):
    flip(folder / "32-nearest" / "images.npy", -1)
    last = prepared.load(tmp_path, "image_folder/sdv15", "bilinear").examples["filename"].iloc[-1]
    told = told_wrong(verify(tmp_path))
    assert f"32-nearest/images.npy differs at {last} (delete {folder / '32-nearest'}, which is made anew)" in told
    assert "stored" not in told and "bilinear" not in told


@pytest.mark.parametrize("column", ["FAKE label", "SDv1.5", "sd/", "digest"])
def test_a_bit_in_the_table_of_examples_is_found(folder, tmp_path, column):
    path = folder / "32-bilinear" / "examples.csv"
    text = path.read_text()
    first = text.index("train")
    flip(path, {"FAKE label": first + len("train,"), "digest": len(text) - 3}.get(column) or text.index(column))
    assert "32-bilinear/examples.csv differs at sd/" in told_wrong(verify(tmp_path))


@pytest.mark.parametrize("name", ["images.npy", "examples.csv"])
def test_arrays_cut_short_are_damaged(folder, tmp_path, name):
    path = folder / "32-bilinear" / name
    path.write_bytes(path.read_bytes()[:-200])
    assert f"32-bilinear/{name} is damaged" in told_wrong(verify(tmp_path))


def test_data_prepared_without_a_fingerprint_get_one_when_asked(folder, tmp_path):
    before = (folder / RECORD).read_text()
    (folder / RECORD).unlink()
    assert "none to compare with: --record keeps it" in verify(tmp_path).stdout and not (folder / RECORD).exists()
    assert verify(tmp_path, "--record").exit_code == 0 and (folder / RECORD).read_text() == before
    assert "as prepared" in verify(tmp_path).stdout


@pytest.mark.slow
def test_the_record_is_what_any_process_finds_in_the_images(folder, tmp_path):
    """Prepared in another process from the reversed archive, and read back from the stored images."""
    archive = write_zip(tmp_path / "b.zip", dict(reversed(MEMBERS.items())))
    line = [sys.executable, "-m", "cifake_keras.cli", "data", "prepare", "image_folder", "--generator", "SDv1.5"]
    subprocess.run([*line, "--from", archive, "--data-dir", tmp_path / "b"], check=True, capture_output=True)
    other = prepared.find(tmp_path / "b", "image_folder/sdv15")
    assert (other / RECORD).read_text() == (folder / RECORD).read_text()
    found = prepared.load(tmp_path, "image_folder/sdv15", "bilinear").fingerprint
    assert json.loads((folder / RECORD).read_text()) == {"images": 6, "fingerprint": found}
    # Finished cells record fingerprints: another algorithm would make them strangers to their data.
    assert found == "91cb834d6b98616ed175d1571a9ea9118e15ff67a725c3a577ce752b02c230b9"


def test_what_is_not_there_is_one_sentence(tmp_path):
    for names, told in (((), "holds no data"), (("CIFAKE", "x"), "holds no CIFAKE, x")):
        result = verify(tmp_path, *names)
        assert result.exit_code == 2 and told in result.stderr


@pytest.mark.parametrize("file", ["features.json", "dataset_info.json"])
def test_data_name_no_module_to_import(folder, tmp_path, monkeypatch, file):
    """TFDS would import it; of the second file before it looks at the first."""
    (tmp_path / "intruder.py").write_text("raise SystemExit('the intruder ran')")
    monkeypatch.syspath_prepend(tmp_path)
    tampered = json.loads((folder / file).read_text())
    chosen = tampered if file == "features.json" else tampered.setdefault("features", {})
    chosen["pythonClassName"] = "intruder.Feature"
    (folder / file).write_text(json.dumps(tampered))
    shutil.rmtree(folder / "32-nearest")
    for act in (prepared.stored, lambda _: prepared.load(tmp_path, "image_folder/sdv15", "nearest")):
        with pytest.raises(UserError, match="what this package does not write; delete it and prepare it anew"):
            act(folder)
    assert "what this package does not write" in verify(tmp_path).output


def not_as_prepared(folder: Path, tmp_path: Path) -> str:
    """What is said when the arrays are made anew of a folder that was tampered with."""
    shutil.rmtree(folder / "32-nearest")
    with pytest.raises(UserError, match="is not as it was prepared") as error:
        prepared.load(tmp_path, "image_folder/sdv15", "nearest")
    return str(error.value)


@pytest.mark.parametrize("info", ["[]", "1", "{}", '{"splits": [[]]}', '{"splits": [null]}', '{"splits": "x"}'])
def test_a_description_of_another_kind_is_refused(folder, tmp_path, info):
    (folder / "dataset_info.json").write_text(info)
    assert str(folder) in not_as_prepared(folder, tmp_path)
    listed = CliRunner().invoke(main, ["data", "list", "--data-dir", str(tmp_path)])
    assert listed.exit_code == 2 and "is not as it was prepared" in listed.output


@pytest.mark.parametrize("key, value", [("fileFormat", "x"), ("configName", 1.5), ("splits", [{"name": []}])])
def test_a_description_that_tfds_cannot_read_is_refused(folder, tmp_path, key, value):
    path = folder / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {key: value}))
    not_as_prepared(folder, tmp_path)


@pytest.mark.parametrize("content", [b"", bytes(2**17)])
def test_a_shard_that_is_none_is_refused(folder, tmp_path, content):
    (shard,) = folder.glob("*.array_record-*")
    shard.write_bytes(content)
    not_as_prepared(folder, tmp_path)


@pytest.mark.parametrize("name", ["features.json", "32-nearest/images.npy"])
def test_a_pipe_among_prepared_data_is_not_waited_for(folder, tmp_path, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f"{folder / name} is a pipe or a device" in verify(tmp_path).output
    with pytest.raises(UserError, match="is a pipe or a device"):
        prepared.load(tmp_path, "image_folder/sdv15", "nearest")


@pytest.mark.parametrize("record", ["{}", "[]", "null", '"x"'])
def test_a_fingerprint_of_another_kind_is_refused(folder, tmp_path, record):
    (folder / RECORD).write_text(record)
    assert "is not as it was prepared" in verify(tmp_path).output


def test_a_fingerprint_does_not_reach_the_terminal_raw(folder, tmp_path):
    (folder / RECORD).write_text(json.dumps({"images": 6, "fingerprint": "\x1b[31m"}))
    assert "\x1b" not in told_wrong(verify(tmp_path))


@pytest.mark.parametrize("digests", ["null", "[{}]", "1"])
def test_digests_of_another_kind_are_refused(folder, tmp_path, digests):
    (folder / "32-nearest" / "digests.json").write_text(digests)
    with pytest.raises(UserError, match="32-nearest is not as it was prepared"):
        prepared.load(tmp_path, "image_folder/sdv15", "nearest")


@pytest.mark.parametrize("array", [np.zeros((6, 32, 32, 3)), np.zeros((5, 32, 32, 3), np.uint8)], ids=["type", "count"])
def test_arrays_without_digests_that_belong_to_other_examples_are_refused(folder, tmp_path, array):
    (folder / "32-nearest" / "digests.json").unlink()
    np.save(folder / "32-nearest" / "images.npy", array)
    with pytest.raises(UserError, match=r"images\.npy does not belong to examples\.csv"):
        prepared.load(tmp_path, "image_folder/sdv15", "nearest")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", 'filename,format\n"x'])
def test_a_list_of_files_that_is_none_is_refused(folder, tmp_path, text):
    (folder / "files.csv").write_text(text)
    with pytest.raises(UserError, match="is not as it was prepared"):
        prepared.originals(tmp_path, "image_folder/sdv15")
