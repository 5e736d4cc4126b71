"""A small study made of nothing: archives in the layouts of the real ones, prepared once for all tests."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Real data, for those who have them; its layout is the one of the project's own machines.
REAL_DATA = os.environ.get("CIFAKE_KERAS_REAL_DATA")


def picture(number: int, fake: bool, size: int = 32) -> bytes:
    """A JPEG of coloured noise; fakes lack the high frequencies."""
    rng = np.random.default_rng((number, fake))
    side = size // 4 if fake else size
    image = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize((size, size))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(number: int, size: int = 48) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)


def noise_png(number: int, size: int = 48) -> bytes:
    return encoded(Image.fromarray(noise(number, size)))


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def files_below(folder: Path) -> list[Path]:
    """Without the name of the default config, which TFDS notes for whatever has configs."""
    return [path for path in folder.rglob("*") if path.is_file() and ".config" not in path.parts]


def cifake_members(train: int = 100, test: int = 40) -> dict[str, bytes]:
    """Kaggle's layout; counts are per class. The first two fakes of each split are one image."""
    members = {}
    for split, count in (("train", train), ("test", test)):
        for label in ("REAL", "FAKE"):
            for i in range(count):
                number = (max(i, 1) if label == "FAKE" else i) + (0 if split == "train" else 100_000)
                members[f"{split}/{label}/{i:04d} (2).jpg"] = picture(number, label == "FAKE")
    return members


def command(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Runs cifake-keras as a user does, in a process of its own."""
    line = [sys.executable, "-m", "cifake_keras.cli", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, **options)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """Prepared: CIFAKE (100 + 40 a class), tiny-imagenet (60 photographs), SDv1.5 (20 images)."""
    from cifake_keras.sources import prepared

    origin, folder = tmp_path_factory.mktemp("origin"), tmp_path_factory.mktemp("data")
    cifake = write_zip(origin / "archive.zip", cifake_members())
    photographs = {f"tiny-imagenet-200/train/n01/images/n01_{i}.JPEG": picture(i + 500, False, 64) for i in range(50)}
    photographs |= {f"tiny-imagenet-200/val/images/val_{i}.JPEG": picture(i + 900, False, 64) for i in range(10)}
    imagenet = write_zip(origin / "tiny-imagenet-200.zip", photographs)
    sdv15 = write_zip(origin / "sd.zip", {f"sd/{i}.png": picture(i + 700, True, 96) for i in range(20)})
    prepared.prepare("cifake", folder, origin=cifake)
    prepared.prepare("tiny_imagenet", folder, origin=imagenet)
    prepared.prepare("image_folder", folder, origin=sdv15, title="SDv1.5", label="FAKE")
    return folder
