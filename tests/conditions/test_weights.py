"""Networks that come with weights: read of their authors' files, equal to the originals, refused where they are not."""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import parity
import pytest
import pytorch_files
import tensorflow as tf
from learning import FIXTURE
from PIL import Image
from support import REAL_DATA, output_of, refused

from cifake_keras.conditions import tiny_autoencoder, weights
from cifake_keras.protocol import STEPS, TAEF2, TinyAutoencoder, Weights
from cifake_keras.runtime import files, pytorch
from cifake_keras.runtime.errors import UserError

# As its repository has them.
TAEF2_FILES = Path(REAL_DATA or "", "taesd")

TINY = Weights("tiny", (), "https://example.org", "MIT", "nothing")


def written(folder: Path, latents: int, branch: bool, name: str = "tiny") -> list[Path]:
    """The files of the encoder and the decoder."""
    tensors = parity.tiny_autoencoder(latents, branch)
    return [
        pytorch_files.write(
            folder / f"{name}_{part}.pth",
            {key.removeprefix(f"{part}."): of for key, of in tensors.items() if key.startswith(part)},
        )
        for part in ("encoder", "decoder")
    ]


@pytest.mark.parametrize("latents, branch", parity.TINY)
def test_a_tiny_autoencoder_equals_pytorchs(latents, branch, tmp_path):
    network = tiny_autoencoder.network(TinyAutoencoder(latents, branch), seed=3)
    tiny_autoencoder.convert(written(tmp_path, latents, branch), network)
    assert np.abs(network(parity.images()[:2]) - FIXTURE[f"tiny-{latents}"]).max() < 1e-5


@pytest.mark.parametrize("name", ["taesd", "taesdxl", "taesd3", "taef1"])
def test_the_files_of_a_tiny_autoencoder_are_those_that_the_protocol_names(name, tmp_path):
    step = STEPS[name]
    originals = written(tmp_path, step.settings.latents, step.settings.branch, name)
    assert [original.name for original in originals] == [file for file, _ in step.weights.files]
    output_of("data", "prepare", "weights", name, "--from", tmp_path, "--data-dir", tmp_path)
    network = tiny_autoencoder.network(step.settings)
    network.load_weights(weights.prepared(step.weights, tmp_path))
    assert np.abs(network(parity.images()[:2]) - FIXTURE[f"tiny-{step.settings.latents}"]).max() < 1e-5


def test_files_of_another_tiny_autoencoder_are_refused(tmp_path):
    originals = written(tmp_path, 4, False)
    for others in (TinyAutoencoder(latents=16, branch=False), TinyAutoencoder(latents=4, branch=True)):
        with pytest.raises(UserError, match=r"tiny_decoder\.pth do not hold the weights of this network"):
            tiny_autoencoder.convert(originals, tiny_autoencoder.network(others))


@pytest.fixture
def prepared(tmp_path) -> tuple[Weights, Path]:
    """Weights of 4 latent channels and their data folder."""
    originals = written(tmp_path, *parity.TINY[0])
    tiny = replace(TINY, files=tuple((original.name, files.sha256(original)) for original in originals))
    step = replace(TAEF2, settings=TinyAutoencoder(*parity.TINY[0]), weights=tiny)
    weights.prepare(tiny, step, tmp_path / "data", tmp_path)
    return tiny, tmp_path / "data"


def test_prepared_weights_are_those_by_way_of_64_pixels_too(prepared):
    small, large = (tiny_autoencoder.network(TinyAutoencoder(*parity.TINY[0], side=side)) for side in (32, 64))
    for network in (small, large):
        network.load_weights(weights.prepared(*prepared))
    assert all(map(np.array_equal, small.get_weights(), large.get_weights()))
    assert np.abs(small(parity.images()[:2]) - FIXTURE["tiny-4"]).max() < 1e-5


def test_weights_that_have_changed_or_are_of_other_files_are_refused(prepared):
    tiny, data_dir = prepared
    others = replace(tiny, files=TAEF2.weights.files)
    with pytest.raises(UserError, match=r"made of other files.*run: cifake-keras data prepare weights tiny"):
        weights.prepared(others, data_dir)
    file = weights.prepared(tiny, data_dir)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="is damaged"):
        weights.prepared(tiny, data_dir)
    file.unlink()
    with pytest.raises(UserError, match="is not there"):
        weights.prepared(tiny, data_dir)


def test_files_that_are_absent_or_not_those_published_are_refused(tmp_path):
    prepare = "data", "prepare", "weights", "taef2", "--from", tmp_path, "--data-dir", tmp_path / "data"
    assert "taef2_encoder.pth is not there" in refused(*prepare)
    for part in ("encoder", "decoder"):
        (tmp_path / f"taef2_{part}.pth").write_bytes(b"other")
    assert "is not the file that was published" in refused(*prepare)
    assert not (tmp_path / "data").exists()


def test_a_file_that_names_anything_but_tensors_is_refused_unread(tmp_path):
    file = pytorch_files.write(tmp_path / "x.pth", {"0.bias": np.zeros(2)}, storage="os system")
    with pytest.raises(UserError, match=r"it names os\.system"):
        pytorch.tensors(file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UserError, match="tensors by name"):
        pytorch.tensors(file)


def test_a_file_of_the_former_format_is_read_whatever_the_order_of_its_axes(tmp_path):
    rng, file = np.random.default_rng(0), tmp_path / "x.pth"
    tensors = {"0.weight": rng.random((2, 3, 4, 5), np.float32), "0.bias": rng.random(2, np.float32)}
    file.write_bytes(pytorch_files.former(tensors))
    read = pytorch.tensors(file)
    assert read.keys() == tensors.keys()
    assert all(np.array_equal(read[name], of) for name, of in tensors.items())
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(UserError, match="tensors by name"):
        pytorch.tensors(file)


@pytest.mark.skipif(not TAEF2_FILES.exists(), reason="the files of TAEF2 are not at hand")
def test_taef2_reconstructs_cifake(tmp_path):
    """With 23 dB at 32 pixels; by way of 64 with 33 dB of what enlarging and shrinking alone leave."""
    output_of("data", "prepare", "weights", "taef2", "--from", TAEF2_FILES, "--data-dir", tmp_path)
    images = cifake_images(20)
    small, large = (reconstructed(images, side, tmp_path) for side in (32, 64))
    enlarged = tf.image.resize(images, (64, 64), antialias=True)
    assert psnr(small, images) > 23 and psnr(large, tf.image.resize(enlarged, (32, 32), antialias=True)) > 33


def cifake_images(count: int) -> np.ndarray:
    """float32 in [0, 1], of both classes."""
    with zipfile.ZipFile(Path(REAL_DATA, "cifake/archive.zip")) as archive:
        names = sorted(name for name in archive.namelist() if re.search(r"test/.*\.jpg$", name))
        chosen = np.random.default_rng(0).permutation(names)[:count]
        return np.stack([np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in chosen]) / np.float32(
            255
        )


def reconstructed(images: np.ndarray, side: int, data_dir: Path) -> np.ndarray:
    network = tiny_autoencoder.network(replace(TAEF2.settings, side=side))
    network.load_weights(weights.prepared(TAEF2.weights, data_dir))
    return network(images)


def psnr(images: np.ndarray, originals: np.ndarray) -> float:
    """Decibels, the mean over images."""
    return float(np.mean(-10 * np.log10(np.mean(np.square(images - originals), (1, 2, 3)))))
