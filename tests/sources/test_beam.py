"""Preparation on Apache Beam, with two workers that are processes: the files are those of one process, byte by byte."""

import hashlib
from pathlib import Path

import pytest
from support import cifake_members, files_below, write_zip

from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared

pytest.importorskip("apache_beam")

pytestmark = pytest.mark.slow

WORKERS = "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing"


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files_below(folder)}


def on_beam(tmp_path: Path, members: dict[str, bytes], **options) -> Path:
    archive = write_zip(tmp_path / "a.zip", members)
    return prepared.prepare("cifake", tmp_path / "beam", beam=WORKERS, origin=archive, **options)


def test_two_workers_write_what_one_process_writes(tmp_path, monkeypatch, capsys):
    """In batches of 8, with what is refused; and nothing else is left in the folder."""
    from cifake_keras.sources import beam

    monkeypatch.setattr(beam, "_BATCH", 8)
    members = cifake_members(20, 5) | {"train/REAL/text.jpg": b"This is no image.", "test/FAKE/empty.jpg": b""}
    folder = on_beam(tmp_path, members)
    assert "2 refused, all named in" in capsys.readouterr().err
    plain = prepared.prepare("cifake", tmp_path / "plain", origin=tmp_path / "a.zip")
    assert digests(folder) == digests(plain) and {"quarantine.csv", "files.csv"} < digests(plain).keys()


@pytest.mark.parametrize(
    "members, options, told",
    [
        ({"train/FAKE/text.jpg": b"This is no image."}, {"strict": True}, "train/FAKE/text.jpg: not an image"),
        ({f"again/{name}": content for name, content in cifake_members(2, 2).items()}, {}, "two images named"),
        ({name: b"" for name in cifake_members(2, 2) if name.startswith("test")}, {}, "none of the images"),
    ],
)
def test_what_cannot_be_prepared_is_said_in_one_sentence(tmp_path, members, options, told):
    with pytest.raises(UserError, match=told):
        on_beam(tmp_path, cifake_members(2, 2) | members, **options)
    assert not files_below(tmp_path / "beam")
