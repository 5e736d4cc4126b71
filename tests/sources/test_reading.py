"""Reading: what is decoded is right, what is refused has a reason, and nothing costs more than its size lets expect."""

import copy
import json
import os
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import encoded, noise, noise_png, write_zip

from cifake_keras import protocol
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading, walk

EXIF_ORIENTATION = 0x0112
GOOD = noise_png(1)


# --- Decoding and resizing


def test_format_is_told_by_the_content(tmp_path):
    """Whatever the suffix says; the first frame of an animation."""
    colours = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    for kind in reading.FORMATS:
        options = {"save_all": True, "append_images": colours[1:]} if kind in ("GIF", "WEBP") else {}
        (tmp_path / f"{kind}.png").write_bytes(encoded(colours[0], kind, **options))
    (tmp_path / "TIFF.png").write_bytes(encoded(colours[0], "TIFF"))
    for name, content in reading.read(tmp_path, walk.find(tmp_path).images):
        if name == "TIFF.png":
            with pytest.raises(reading.UnreadableImage, match="is TIFF, which is not read"):
                reading.decode(content)
        else:
            assert np.abs(reading.decode(content) - np.array([255.0, 0, 0])).max() <= 2, name


def test_colours_of_every_mode():
    rgb = Image.fromarray(noise(3))
    grey = rgb.convert("L")
    palette = rgb.quantize(16)
    assert np.array_equal(reading.decode(encoded(grey)), np.stack([grey] * 3, axis=-1))
    assert np.array_equal(reading.decode(encoded(palette)), np.asarray(palette.convert("RGB")))
    assert np.array_equal(reading.decode(encoded(rgb, "WEBP", lossless=True)), np.asarray(rgb))
    cmyk = reading.decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert cmyk.shape == (8, 8, 3) and cmyk[0, 0, 0] > 200 and cmyk[0, 0, 1:].max() < 50, "no cyan is red"


def test_transparency_lies_over_white():
    image = Image.new("RGBA", (3, 1))
    for x, pixel in enumerate(((10, 20, 30, 255), (10, 20, 30, 0), (0, 0, 0, 128))):
        image.putpixel((x, 0), pixel)
    assert reading.decode(encoded(image)).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]


def test_sixteen_bits_are_scaled_not_clipped():
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    decoded = reading.decode(encoded(Image.fromarray(levels)))
    assert np.array_equal(decoded, np.stack([levels >> 8] * 3, axis=-1))


def test_exif_rotation_is_applied():
    image = Image.new("RGB", (16, 8), "black")
    image.paste((255, 255, 255), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6  # turn clockwise to see it upright
    decoded = reading.decode(encoded(image, exif=exif))
    assert decoded.shape == (16, 8, 3) and decoded[:8].min() == 255 and decoded[8:].max() == 0


def test_encoding_of_jpeg_is_told_and_of_others_the_format():
    rgb = Image.fromarray(noise(1))
    told = [reading.encoding(encoded(rgb, "JPEG", quality=75, subsampling=ratio)) for ratio in ("4:4:4", "4:2:2")]
    told.append(reading.encoding(encoded(rgb.convert("L"), "JPEG", quality=75)))
    assert [(kind, subsampling) for kind, subsampling, _ in told] == [
        ("JPEG", "4:4:4"),
        ("JPEG", "4:2:2"),
        ("JPEG", "other"),
    ]
    better = reading.encoding(encoded(rgb, "JPEG", quality=90, subsampling="4:4:4"))
    assert told[0][2] == told[1][2] != better[2] and len(better[2]) == 8
    assert reading.encoding(GOOD) == ("PNG", "", "") and reading.encoding(encoded(rgb, "WEBP")) == ("WEBP", "", "")


@pytest.mark.parametrize("side", [6_000, 11_000, 14_000])
def test_pixel_bomb_is_refused(recwarn, side):
    """In our words and before it is decoded, also where Pillow has a limit of its own; it warns at 89 million."""
    with pytest.raises(reading.UnreadableImage, match="pixels are too many: at most 32,000,000 are read"):
        reading.decode(encoded(Image.new("1", (side, side))))
    assert not recwarn


def test_as_many_pixels_as_the_limit_are_read(monkeypatch):
    monkeypatch.setattr(reading, "MAX_PIXELS", 48 * 48)
    assert reading.decode(noise_png(1)).shape == (48, 48, 3)


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_what_is_longer_than_any_jpeg_is_refused(size):
    """A million rows of 32 pixels would take more memory than as many pixels in a square."""
    with pytest.raises(reading.UnreadableImage, match="pixels are too many"):
        reading.decode(encoded(Image.new("RGBA", size)))
    kept = tuple(side - (side > 1) for side in size)
    assert reading.decode(encoded(Image.new("RGBA", kept))).shape == (*kept[::-1], 3)


def progressive(scans: int, segment: bytes = b"", trailer: bytes = b"") -> bytes:
    """A JPEG with its last scan repeated until it has so many, a segment at the beginning, and a trailer."""
    content = encoded(Image.fromarray(noise(1)), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xc4", 0, content.rindex(b"\xff\xda")) : -2]
    repeated = last * (scans - content.count(b"\xff\xda"))
    application = b"\xff\xe5" + struct.pack(">H", len(segment) + 2) + segment
    return content[:2] + application + content[2:-2] + repeated + b"\xff\xd9" + trailer


def test_a_jpeg_of_very_many_scans_is_refused():
    with pytest.raises(reading.UnreadableImage, match="more than 50 scans"):
        reading.decode(progressive(51))


def test_what_only_looks_like_scans_is_not_counted():
    """In a segment, such as a thumbnail's, and after the end, where telephones put films."""
    looks = b"\xff\xda\x00\x02" * 60
    assert np.array_equal(reading.decode(progressive(10, looks, looks)), reading.decode(progressive(10)))
    assert reading.decode(progressive(50)).shape == (48, 48, 3)


def test_kernels_differ_and_small_images_stay_untouched():
    image = noise(5)
    resized = {kernel: reading.resize(image, 32, kernel).astype(int) for kernel in protocol.KERNELS}
    assert {array.shape for array in resized.values()} == {(32, 32, 3)}
    for other in set(protocol.KERNELS) - {"bilinear"}:
        assert np.abs(resized["bilinear"] - resized[other]).mean() > 2, other
    small = noise(6, 32)
    assert all(np.array_equal(reading.resize(small, 32, kernel), small) for kernel in protocol.KERNELS)


def triangle_weights(size: int, target: int) -> np.ndarray:
    """[target, size]: an antialiased bilinear kernel, as torchvision's and TensorFlow's with antialias=True."""
    scale = size / target
    centres = (np.arange(target) + 0.5) * scale
    weights = np.maximum(1 - np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("height, width", [(64, 64), (96, 50), (20, 512)])
def test_bilinear_is_antialiased_as_elsewhere(height, width):
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    down, across = triangle_weights(height, 32), triangle_weights(width, 32)
    expected = np.einsum("yh,xw,hwc->yxc", down, across, image.astype(float))
    assert np.abs(reading.resize(image, 32, "bilinear") - expected).max() <= 1


# --- Members


def pack(path: Path, *members: tuple[zipfile.ZipInfo, bytes]) -> Path:
    """A zip archive of these members and an undamaged one, good.png; its bytes do not depend on the clock."""
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
        archive.writestr(member("good.png"), GOOD)
    return path


def member(name: str = "bad.png", **attributes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def outcomes(origin: Path) -> dict[str, bytes | str]:
    """The content of each image, or the reason why it is refused."""
    found = reading.read(origin, walk.find(origin).images)
    return {name: content if isinstance(content, bytes) else str(content) for name, content in found}


@pytest.mark.parametrize(
    "info, reason",
    [
        (member("../bad.png"), "leads out"),
        (member("a/../../bad.png"), "leads out"),
        (member("/etc/bad.png"), "leads out"),
        (member("C:/bad.png"), "leads out"),
        (member("..\\bad.png"), "leads out"),
        (member(external_attr=(stat.S_IFLNK | 0o777) << 16), "is a link"),
        (member(compress_type=zipfile.ZIP_BZIP2), "neither stored nor deflated"),
        (member(compress_type=zipfile.ZIP_LZMA), "neither stored nor deflated"),
    ],
)
def test_members_that_are_refused(tmp_path, info, reason):
    found = outcomes(pack(tmp_path / "a.zip", (info, GOOD)))
    assert found.pop("good.png") == GOOD
    ((name, told),) = found.items()
    assert name == info.filename and reason in told


def test_large_files_and_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", len(GOOD))
    for name, content in {"good.png": GOOD, "bad.png": GOOD + b"\0"}.items():
        (tmp_path / name).write_bytes(content)
    archive = pack(tmp_path / "a.zip", (member(), GOOD + b"\0"))
    for origin in (tmp_path, archive):
        assert outcomes(origin) == {
            "good.png": GOOD,
            "bad.png": f"{len(GOOD) + 1:,} bytes are too many: at most {len(GOOD):,} are read",
        }


def test_member_that_expands_further_than_it_says_costs_what_it_says(tmp_path):
    archive = pack(tmp_path / "a.zip", (member(compress_type=zipfile.ZIP_DEFLATED), bytes(2**26)))
    lie = archive.read_bytes().replace(struct.pack("<L", 2**26), struct.pack("<L", 1000))
    archive.write_bytes(lie)
    tracemalloc.start()
    found = outcomes(archive)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20 and found["good.png"] == GOOD and "Bad CRC-32" in found["bad.png"]


def test_damaged_compressed_member_is_refused(tmp_path):
    """zlib meets the damage before the CRC does, with an exception of its own."""
    archive = pack(tmp_path / "a.zip", (member(compress_type=zipfile.ZIP_DEFLATED), bytes(10_000)))
    everything = bytearray(archive.read_bytes())
    everything[37:47] = b"\xff" * 10
    archive.write_bytes(everything)
    found = outcomes(archive)
    assert found["good.png"] == GOOD and "while decompressing" in found["bad.png"]


def test_reasons_are_short(tmp_path):
    """zipfile quotes the header that it finds in place of the expected one, up to 64 KiB."""
    archive = pack(tmp_path / "a.zip", (member(), bytes(2**16)))
    everything = bytearray(archive.read_bytes())
    everything[26:28] = b"\xff\xff"  # the length of the member's name
    archive.write_bytes(everything)
    assert 0 < len(outcomes(archive)["bad.png"]) <= 200


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(reading.UnreadableImage, match="is a pipe"):
        reading.image(tmp_path / "pipe.png")


# --- Archives


def refusal(archive: Path) -> str:
    with pytest.raises(UserError) as caught:
        walk.find(archive)
    told = str(caught.value)
    assert str(archive) in told and "fetch it again" in told and "\n" not in told
    return told


def end_patched(archive: Path, offset: int, value: bytes) -> Path:
    """With other bytes in the record of 22 bytes at the end."""
    everything = bytearray(archive.read_bytes())
    at = len(everything) - 22 + offset
    everything[at : at + len(value)] = value
    archive.write_bytes(everything)
    return archive


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99, 0.9999])
def test_archive_that_is_cut_short(tmp_path, kept):
    whole = write_zip(tmp_path / "a.zip", {f"{i}.png": noise_png(i) for i in range(20)}).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[: int(len(whole) * kept)])
    assert "cut short" in refusal(tmp_path / "a.zip")


def test_last_part_of_several(tmp_path):
    assert "last part of several" in refusal(end_patched(pack(tmp_path / "a.zip"), 4, b"\2"))


def test_archive_of_too_many_members(tmp_path, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", {f"{i}.png": b"" for i in range(20)})
    assert len(walk.find(archive).images) == 20
    monkeypatch.setattr(reading, "MAX_LIST", 20 * 50)
    assert "too many members" in refusal(archive)


def test_list_of_members_that_swallows_one(tmp_path):
    """A single flipped bit makes the second entry the comment of the first, and zipfile lets it pass."""
    archive = pack(tmp_path / "a.zip", (member("18_letters_bad.png"), GOOD), (member("18_letters_two.png"), GOOD))
    everything = bytearray(archive.read_bytes())
    everything[everything.index(b"PK\1\2") + 32] ^= 64
    archive.write_bytes(everything)
    assert zipfile.ZipFile(archive).namelist() == ["18_letters_bad.png", "good.png"]
    assert "list of members is damaged" in refusal(archive)


def test_list_of_members_that_is_elsewhere(tmp_path):
    """zipfile would look for every member as far from its place as the list is."""
    assert "list of members is damaged" in refusal(end_patched(pack(tmp_path / "a.zip"), 16, b"\0\0"))


def test_archive_of_more_than_4_gib_without_zip64(tmp_path):
    """As macOS packs them: offsets of 32 bits begin again at 0. The file has a hole, and takes no room."""
    content = pack(tmp_path / "a.zip").read_bytes()
    at = content.index(b"PK\1\2")
    with open(tmp_path / "a.zip", "r+b") as file:
        file.seek(2**32 + at)
        file.write(content[at:])
    assert "larger than 4 GiB" in refusal(tmp_path / "a.zip")


def test_a_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    assert "is a pipe" in refusal(tmp_path / "a.zip")


def test_archive_of_a_version_that_zipfile_does_not_know(tmp_path):
    """One of the errors beside BadZipFile that damage to the list ends in."""
    everything = bytearray(pack(tmp_path / "a.zip").read_bytes())
    everything[everything.index(b"PK\1\2") + 6] = 99
    (tmp_path / "a.zip").write_bytes(everything)
    assert "version 9.9" in refusal(tmp_path / "a.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(tmp_path):
    assert "one name" in refusal(pack(tmp_path / "a.zip", (member("good.png"), b"another")))


def test_bomb_of_members_that_share_their_content(tmp_path):
    """100 MB of zeros, listed twenty times."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("0.png", bytes(10**8))
        for number in range(1, 20):
            archive.filelist.append(copy.copy(archive.filelist[0]))
            archive.filelist[-1].filename = f"{number}.png"
    assert "expands to 2,000,000,000 bytes" in refusal(tmp_path / "a.zip")


def test_damage_at_random(tmp_path):
    """The short version of what scripts/damage.py measures; it fails by itself where something is lost or raised."""
    script = Path(__file__).parents[2] / "scripts" / "damage.py"
    line = [sys.executable, script, "--files", "300", "--archives", "40", "--seed", "1", "--results-dir", tmp_path]
    done = subprocess.run(line, capture_output=True, text=True)
    found = json.loads((tmp_path / "damage.json").read_text())
    assert done.returncode == 0 and found["failures"] == [], done.stderr
    assert min(found[key] for key in ("images_kept", "images_refused", "archives_read", "archives_refused")) > 10
    assert found["neighbours_kept"] > 300 and sum(found["reasons"].values()) > 200
