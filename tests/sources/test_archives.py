"""Archives of the study found by their names, and prepared as they would be one by one."""

import pytest
from support import cifake_members, files_below, generator_members, write_zip

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import archives, prepared


@pytest.fixture
def folder(tmp_path):
    """Two archives, one of them behind a symbolic link; two further links lead round in circles."""
    folder, elsewhere = tmp_path / "archives", tmp_path / "elsewhere"
    (folder / "zips").mkdir(parents=True)
    elsewhere.mkdir()
    write_zip(folder / "zips" / "archive.zip", cifake_members(2, 2))
    write_zip(elsewhere / "sd-v2-1.zip", generator_members())
    write_zip(folder / "other.zip", {})
    (folder / "link").symlink_to(elsewhere)
    for name in ("circle", "another"):
        (elsewhere / name).symlink_to(folder)
    return folder


def test_what_is_there_is_prepared_as_if_alone_and_the_rest_is_named(folder, tmp_path, capfd):
    archives.prepare(folder, tmp_path / "data")
    assert set(prepared.folders(tmp_path / "data")) == {"cifake", "image_folder/sdv21"}
    absent = [line.partition("no ")[2].split()[0] for line in capfd.readouterr().err.splitlines() if "without" in line]
    assert absent[:4] == ["tiny-imagenet-200.zip", "sd-v1-5.zip", "if-v1.zip", "cogview2.zip"]
    assert absent.count("drawbench-glance.zip") == 1, "once, though three sources lack it"
    origin = folder / "link" / "sd-v2-1.zip"
    prepared.prepare("image_folder", tmp_path / "alone", origin=origin, title="SDv2.1", label="FAKE")
    together, alone = (
        [path.read_bytes() for path in sorted(files_below(tmp_path / name / "image_folder"))]
        for name in ("data", "alone")
    )
    assert together == alone


def test_a_folder_without_archives_is_refused(tmp_path):
    write_zip(tmp_path / "cifake.zip", {})
    with pytest.raises(UserError, match=r"holds none of archive\.zip, .*cogview2\.zip"):
        archives.prepare(tmp_path, tmp_path / "data")
    with pytest.raises(UserError, match="nowhere is not a folder"):
        archives.prepare(tmp_path / "nowhere", tmp_path / "data")
    assert not (tmp_path / "data").exists()
