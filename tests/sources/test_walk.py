"""The walk: each entry of a folder or archive is an image, a folder that was looked through, or named with a reason."""

import json
import os
import socket
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

from PIL import Image
from support import LONG, bound, encoded, make_deep, noise, noise_png, write_zip

from cifake_keras.sources import reading, walk

PICTURE = Image.fromarray(noise(1))
JPEG = encoded(PICTURE, "JPEG")

DECODE = {
    "a.jpg": JPEG,
    "b.jfif": JPEG,
    "c.JPE": JPEG,
    "wrong_extension.png": JPEG,
    "misleading.txt": JPEG,
    "film.zip": JPEG,
    "no_extension": noise_png(1),
    "gif": encoded(PICTURE, "GIF"),
    "bmp": encoded(PICTURE, "BMP"),
    "webp": encoded(PICTURE, "WEBP"),
    "deeper/and/deeper.png": noise_png(2),
    "Ünicode 🙂.png": noise_png(3),
    "\udcff.png": noise_png(4),
}
REFUSED = {
    "text.jpg": b"This is no image.",
    "empty.png": b"",
    "photograph.heic": b"",
    "heic": b"\0\0\0\x18ftypheic" + bytes(20),
    "tiff": encoded(PICTURE, "TIFF"),
}
OTHERS = {
    "README": b"These are images.",
    "BMW.csv": b"BMW,Audi,Mercedes\n",
    "empty": b"",
    ".hidden.png": noise_png(1),
    "._a.jpg": b"\0\5\x16\7",
    ".git/a.png": noise_png(1),
    "__MACOSX/a.jpg": JPEG,
    "deeper/images.zip": b"PK\3\4",
}


def tree(folder: Path) -> Path:
    """Of every kind of thing."""
    for name, content in (DECODE | REFUSED | OTHERS).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "film.mp4").touch()
    os.truncate(folder / "film.mp4", 2**40)  # nobody can read it whole
    (folder / "nothing in it").mkdir()
    links = {"link.png": "a.jpg", "link": "no_extension", "gone": "nowhere", "loop.png": "loop.png"}
    for name, target in (links | {"folder.png": "deeper", "deeper/up": ".."}).items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(".", os.O_RDONLY)
        os.chdir(folder)  # the path of a socket is short
        server.bind("socket")
        os.chdir(here)
        os.close(here)
    if not os.geteuid():
        os.mknod(folder / "device.jpg", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    make_deep(folder)
    for name in ("locked", "locked_file", "locked.jpg"):
        (folder / name).mkdir() if name == "locked" else (folder / name).write_bytes(JPEG)
        (folder / name).chmod(0)
    return folder


def entries(folder: Path) -> int:
    """Of a folder, and of those within that are neither hidden nor locked, nor too deep."""
    count = 0
    for parent, folders, names, _ in os.fwalk(folder):
        count += len(folders) + len(names)
        closed = {name for name in folders if name in (".git", "__MACOSX", "locked")}
        folders[:] = [name for name in folders if name not in closed and len(os.fsencode(f"{parent}/{name}")) < 4096]
    return count


FIND = """
import json, sys; from dataclasses import asdict; from pathlib import Path; from cifake_keras.sources import walk
print(json.dumps(asdict(walk.find(Path(sys.argv[1])))))
"""


def find(folder: Path) -> walk.Found:
    """In a process that may not read what is locked."""
    done = subprocess.run([sys.executable, "-c", FIND, folder], capture_output=True, check=True, preexec_fn=bound)
    found = json.loads(done.stdout)
    return walk.Found(found["images"], found["folders"], [tuple(pair) for pair in found["left_out"]])


def test_the_counts_of_a_walk_add_up_to_the_entries_of_a_tree_of_everything(tmp_path):
    folder = tree(tmp_path / "tree")
    found = find(folder)
    assert set(found.images) == {*DECODE, *REFUSED, "link.png", "link", "locked.jpg"}
    assert len(found.images) + found.folders + len(found.left_out) == entries(folder)
    reasons = {name: reason for name, reason in found.left_out if LONG not in name}
    (too_deep,) = (reason for name, reason in found.left_out if LONG in name)
    expected = dict.fromkeys((".git", ".hidden.png", "._a.jpg", "__MACOSX"), walk.HIDDEN)
    expected |= dict.fromkeys(("README", "BMW.csv", "empty", "film.mp4"), walk.NO_IMAGE)
    expected |= dict.fromkeys(("pipe.png", "socket", "device.jpg")[: 2 + (not os.geteuid())], walk.NO_FILE)
    expected |= dict.fromkeys(("folder.png", "deeper/up"), "is a link to a folder")
    expected |= {"gone": "is a link to nothing", "loop.png": "is a link that leads back to itself"}
    expected |= dict.fromkeys(("locked", "locked_file"), "cannot be read (Permission denied)")
    expected |= {"deeper/images.zip": walk.ARCHIVE}
    assert reasons.keys() == expected.keys() and "too deep" in too_deep
    assert all(reason.startswith(expected[name]) for name, reason in reasons.items()), reasons


def test_what_is_taken_decodes_or_is_refused_with_a_reason(tmp_path):
    folder = tree(tmp_path / "tree")
    reasons = {}
    for name, content in reading.read(folder, find(folder).images):
        try:
            assert isinstance(content, bytes) and reading.decode(content).shape == (48, 48, 3)
        except reading.UnreadableImage as error:
            reasons[name] = str(error)
    assert reasons.keys() == REFUSED.keys() and all(reasons.values())


def test_an_archive_is_judged_as_its_folder(tmp_path):
    members = {name.encode(errors="replace").decode(): content for name, content in (DECODE | REFUSED | OTHERS).items()}
    link, odd = zipfile.ZipInfo("link"), zipfile.ZipInfo("squeezed")
    link.external_attr, odd.compress_type = (stat.S_IFLNK | 0o777) << 16, zipfile.ZIP_BZIP2
    with zipfile.ZipFile(write_zip(tmp_path / "a.zip", members | {"deeper/": b"", "__MACOSX/": b""}), "a") as archive:
        archive.writestr(link, "a.jpg")
        archive.writestr(odd, "text")
    found = walk.find(tmp_path / "a.zip")
    assert set(found.images) == {name for name in members if name not in OTHERS} and found.folders == 1
    assert len(found.images) + found.folders + len(found.left_out) == len(members) + 4
    reasons = dict(found.left_out)
    assert (reasons["link"], reasons["squeezed"]) == ("is a link", "is neither stored nor deflated")
    assert reasons["README"] == walk.NO_IMAGE and reasons["__MACOSX/a.jpg"] == reasons["__MACOSX/"] == walk.HIDDEN


def test_folders_may_lie_deeper_than_python_recurses(tmp_path):
    subprocess.run(["mkdir", "-p", tmp_path / "d/" / "/".join("d" * 1_100)], check=True)
    assert walk.find(tmp_path).folders == 1_101
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # shutil would fail


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path):
    (tmp_path / "locked").mkdir(0o000)
    done = subprocess.run([sys.executable, "-c", FIND, tmp_path / "locked"], capture_output=True, preexec_fn=bound)
    assert done.returncode and b"PermissionError" in done.stderr
