"""A detector's score on images of known origin, by generator."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import score
from click.testing import CliRunner
from support import picture

from cifake_keras.detector import PRETRAINED
from cifake_keras.sources import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Photographs and two generators of images, of which the detector tells one worse; a file is damaged."""
    folder = tmp_path_factory.mktemp("images")
    for name, first, count, fakes in (("REAL", 0, 6, 3), ("FAKE/one", 100, 6, 3), ("FAKE/two", 200, 3, 3)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            (folder / name / f"{i}.png").write_bytes(picture(first + i, i < fakes))
    (folder / "FAKE/two/damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    return folder


def scored(model: Path, origin: Path, *options: str) -> pd.DataFrame:
    table = origin.parent / f"{origin.stem}.csv"
    result = CliRunner().invoke(score.main, [str(model), str(origin), "--out", str(table), *options])
    assert result.exit_code == 0, result.output
    return pd.read_csv(table).set_index("generator")


def test_each_generator_has_a_row_and_all_of_them_their_mean(images):
    table = scored(PRETRAINED, images)
    assert list(table.index) == ["one", "two", "mean"]
    assert list(table["n_real"]) == [6, 6, 6] and list(table["n_fake"]) == [6, 3, 9], "the damaged one does not count"
    assert table.loc["mean", "auc"] == pytest.approx(table.loc[["one", "two"], "auc"].mean(), abs=1e-6)
    balanced = (table["tpr"] + table["tnr"]) / 2
    assert np.allclose(table["balanced_accuracy"], balanced, atol=1e-6)


def test_arrays_are_scored_as_their_files_are(images, tmp_path):
    def array(name: str) -> np.ndarray:
        files = sorted((images / name).glob("?.png"))
        return np.stack([reading.resize(reading.image(path), 32, "bilinear") for path in files])

    arrays = {name: array(name) for name in ("REAL", "FAKE/one", "FAKE/two")}
    np.savez(tmp_path / "images.npz", **arrays)
    of_arrays, of_files = scored(PRETRAINED, tmp_path / "images.npz"), scored(PRETRAINED, images)
    assert np.allclose(of_arrays["auc"], of_files["auc"], atol=1e-6)


def test_the_threshold_moves_rates_and_not_the_ranking(images):
    table = scored(PRETRAINED, images, "--threshold", "0")
    assert (table["tpr"] == 1).all() and (table["tnr"] == 0).all()
    assert np.allclose(table["auc"], scored(PRETRAINED, images)["auc"])


@pytest.mark.parametrize("wrong", ["no model", "no photographs"])
def test_what_cannot_be_scored_is_said_in_a_sentence(wrong, images, tmp_path):
    model = tmp_path if wrong == "no model" else PRETRAINED
    origin = images if wrong == "no model" else images / "FAKE"
    result = CliRunner().invoke(score.main, [str(model), str(origin)])
    assert result.exit_code == 2 and "Error: " in result.output and "Traceback" not in result.output
