"""Cells whose classifier is a head on a frozen backbone, from images to tables: a small one with random weights."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support import output_of, picture

from cifake_keras import load_detector, protocol
from cifake_keras.detector import formats
from cifake_keras.protocol import Application, Classifier, Head
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.records.scores import Scores
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.processes import Local
from cifake_keras.sources import reading
from cifake_keras.study import examination, grid
from cifake_keras.study.settings import Settings

pytestmark = pytest.mark.slow

BACKBONE = replace(protocol.BACKBONES["mobilenet_random"], settings=Application("MobileNet", "mobilenet", side=32))
HEADS = "linear", "neighbours"
CELLS = [Cell("phase1", "perturbed", f"small_{head}", 1) for head in HEADS]


@pytest.fixture(scope="module")
def study(data_dir, tmp_path_factory):
    """Its settings; all cells are done, one head after the other."""
    with pytest.MonkeyPatch.context() as patch:
        for head in HEADS:
            others = protocol.CLASSIFIERS[f"mobilenet_{head}"].candidates[:2]
            entry = Classifier(f"small_{head}", head, others, head, Head(*BACKBONE.gives), BACKBONE)
            patch.setitem(protocol.CLASSIFIERS, entry.name, entry)
        root = tmp_path_factory.mktemp("study")
        settings = Settings("available", data_dir, root, root / "saved_models")
        grid.run(CELLS[:1], settings, Local(1))
        yield settings


def features(settings: Settings) -> set:
    return set((settings.data_dir / "reconstructions").iterdir())


def test_heads_share_the_features_and_learn(study):
    before = features(study)
    grid.run(CELLS, study, Local(1))
    assert features(study) == before
    for cell in CELLS:
        metrics = cells.read_metrics(cell.folder(study.results_dir))
        assert metrics["steps"][-1]["name"] == BACKBONE.name
        (epoch,) = pd.read_csv(cell.folder(study.results_dir) / "history.csv").itertuples()
        assert epoch.accuracy > 0.95 and epoch.val_accuracy == pytest.approx(metrics["validation_accuracy"], abs=1e-6)
    swept = pd.read_csv(cells.sweep_folder(study.results_dir, CELLS[0]) / "candidates.csv")
    assert list(swept["l2"]) == [0.1, 0.01]


def test_the_savedmodel_holds_the_whole_path(study, tmp_path):
    """It answers what the cell predicted of the best head, and LiteRT as it does."""
    folder = study.saved_models_dir / "phase1" / "perturbed"
    detector = load_detector(folder)
    cell = next(cell for cell in CELLS if cell.classifier == detector.card["classifier"])
    rows = pd.read_csv(cell.folder(study.results_dir) / "predictions.csv")
    rows = rows.query("evaluation == 'clean' and generator == 'SDv1.5'")
    numbers = rows["filename"].str.extract(r"(\d+)")[0].astype(int)
    answers = detector.predict([reading.decode(picture(number + 700, True, 96)) for number in numbers])
    assert np.abs(answers - rows["probability_fake"]).max() < 5e-3, "features were kept in float16"
    assert formats.write(folder, "litert", tmp_path / "model.tflite") < 1e-3
    with pytest.raises(UserError, match="features of a frozen backbone"):
        detector.explain(np.zeros((32, 32, 3), np.uint8))


def test_an_examination_asks_for_no_features_of_other_paths(study):
    phase = examination.ExaminedPhase("phase1", study)
    assert phase.paths(replace(CELLS[0], condition="baseline")).keys() == {"baseline"}


def test_an_examination_has_scores_and_no_saliency(study):
    examination.run(CELLS[:1], study, Local(1))
    folder = cells.examination_folder(study.results_dir, CELLS[0])
    scores = Scores.read(folder / cells.SCORES)
    assert scores.paths.keys() == {"baseline", "perturbed"} and not scores.altered
    rows = pd.read_csv(CELLS[0].folder(study.results_dir) / "predictions.csv").query("evaluation == 'matched'")
    logits = scores.paths["perturbed"][: len(rows)]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), rows["probability_fake"], atol=2e-3)
    assert not (folder / cells.DISPERSION).exists()
    for command in ("tables", "figures"):
        output_of(command, "--results-dir", study.results_dir)
    assert "small_linear" in (study.results_dir / "tables" / "grid.csv").read_text()
