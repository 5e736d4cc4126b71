"""What tests of several wings use: pictures, archives in the layouts of the real ones, the command line."""

import ctypes
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cifake_keras import protocol
from cifake_keras.cli import main

LONG = "x" * 200  # the name of a folder

# A classifier of each network: what one topology of a file does, the others do.
NETWORKS = {of.network or name: name for name, of in reversed(protocol.CLASSIFIERS.items())}.values()

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


def make_deep(folder: Path) -> None:
    """Folders in folders, to below where a path can reach."""
    place = os.open(folder, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(LONG, dir_fd=place)
        below = os.open(LONG, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)


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


def as_kaggles_client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kaggle's client asks the host localhost, and neither a login nor a cache of the user's."""
    pytest.importorskip("kagglehub")
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, own in (("HOME", "home"), ("KAGGLE_CONFIG_DIR", "home"), ("KAGGLEHUB_CACHE", "cache")):
        monkeypatch.setenv(name, str(folder / own))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")


def bound() -> None:
    """In a process that is about to start: permissions of files bind it even where it is root's."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP


def run(*arguments: object, **options) -> Result:
    """Runs cifake-keras in this process, which has imported TensorFlow long ago."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def output_of(*arguments: object) -> str:
    """What a command says that does what it should, in this process."""
    result = run(*arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: object) -> str:
    """The sentence that a command ends with; there is one, and no traceback."""
    result = run(*arguments)
    return one_sentence(result.exit_code, result.output)


def one_sentence(status: int, output: str) -> str:
    assert status == 2, output
    assert output.count("Error: ") == 1 and "Traceback" not in output
    return output.partition("Error: ")[2].strip()


HYPERPARAMETERS = {"learning_rate": 1e-3, "l2": 1e-4, "epochs": 5, "batch_size": 128}


METRICS = ("balanced_accuracy", "tpr", "tnr", "auc", "average_precision", "ece")


def write_cell(
    results, condition="baseline", seed=1, *, preset="available", phase="phase1", missing=(), accuracy=0.9, **others
) -> Path:
    """Writes a cell's metrics.json: each test set has 1,000 + 300 images, a clean test 1% more than a matched one."""
    wanted = protocol.phases(preset)[phase]
    tests = {test.name: test.counts for test in wanted.tests if test.name not in missing}
    metrics = {"preset": preset, "phase": phase, "condition": condition, "classifier": "paper", "seed": seed}
    metrics |= {"kernel": "bilinear", "selection": "sweep", "hyperparameters": HYPERPARAMETERS}
    metrics |= {"n_train": 100_000, "n_validation": 10_000, "validation_accuracy": 0.94}
    metrics["tests"] = {name: {"matched": scores(accuracy), "clean": scores(accuracy + 0.01)} for name in tests}
    metrics["data"] = data({"train": wanted.train, **tests})
    metrics |= {"environment": {}, "seconds": 1.5} | others
    path = results / "runs" / phase / condition / metrics["classifier"] / f"seed-{seed}" / "metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(metrics))
    return path


def scores(accuracy):
    return dict.fromkeys(METRICS, 0.5) | {"accuracy": accuracy, "threshold": 0.5, "n_real": 1000, "n_fake": 300}


def data(splits):
    """Of every source 10 images less than wanted; a tenth of the training images validate."""
    sources = {}
    for split, counts in splits.items():
        for label, name in enumerate(protocol.CLASSES):
            for draw in counts.of(label):
                there = sources.setdefault(draw.source, {})
                if split == "train":
                    there.setdefault("validation", {})[name] = draw.images // 10
                    there.setdefault("train", {})[name] = draw.images - draw.images // 10 - 10
                else:
                    there.setdefault(split, {})[name] = draw.images - 10
    return [{"name": name, "images": 1, "fingerprint": name, "splits": splits} for name, splits in sources.items()]


def tiny_imagenet_members() -> dict[str, bytes]:
    names = [*(f"train/n0{i}/images/n0{i}_0.JPEG" for i in range(6)), "val/images/val_0.JPEG"]
    members = {f"tiny-imagenet-200/{name}": picture(i, False, 64) for i, name in enumerate(names)}
    return members | {"tiny-imagenet-200/test/images/test_0.JPEG": picture(9, False, 64)}


def generator_members() -> dict[str, bytes]:
    return {f"sd/{i}.png": noise_png(i) for i in range(6)}
