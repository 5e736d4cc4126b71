"""What Croissant's own library reads of the metadata of a prepared source."""

import csv
import sys
from pathlib import Path

import pytest
from support import output_of, refused

from cifake_keras.sources import prepared


def test_the_described_files_are_those_of_the_images(data_dir):
    mlcroissant = pytest.importorskip("mlcroissant")
    path = Path(output_of("data", "croissant", "CIFAKE", "--data-dir", data_dir).strip())
    described = mlcroissant.Dataset(jsonld=path)
    assert not described.metadata.issues.errors
    assert described.metadata.license == ["MIT"] and "Bird and Lotfi" in described.metadata.cite_as
    assert prepared.load(data_dir, "cifake", "bilinear").fingerprint in described.metadata.description
    read = list(described.records("files"))
    with open(path.parent / "files.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [record["files/filename"].decode() for record in read] == [row["filename"] for row in rows]
    assert [record["files/bytes"] for record in read] == [int(row["bytes"]) for row in rows]
    (images,) = (part for part in described.metadata.distribution if part.id == "images")
    assert len(list(path.parent.glob(images.includes[0]))) == 2


def test_every_prepared_source_can_be_described(data_dir):
    mlcroissant = pytest.importorskip("mlcroissant")
    paths = output_of("data", "croissant", "--data-dir", data_dir).split()
    assert len(paths) == 3
    for path in paths:
        assert not mlcroissant.Dataset(jsonld=path).metadata.issues.errors


def test_refusals(data_dir, monkeypatch):
    assert "holds no GAN" in refused("data", "croissant", "GAN", "--data-dir", data_dir)
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    assert "pip install 'cifake-keras[croissant]'" in refused("data", "croissant", "--data-dir", data_dir)
