"""What newer code knows and a finished or examined cell lacks: it is computed, or its field is empty."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
from support import write_cell
from test_evidence import examine, logits

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS, Metric
from cifake_keras.records import examined
from cifake_keras.records.scores import Scores
from cifake_keras.report import charts, evidence, page, tables


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Baseline and perturbed, each with two seeds; all is right but images 0 and 10. With its tables."""
    folder = tmp_path_factory.mktemp("complete")
    for condition in ("baseline", "perturbed"):
        for seed in (0, 1):
            examine(folder, condition, seed, logits(0, 10))
    tables.write(folder)
    return folder


@pytest.fixture
def results(complete, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(complete, tmp_path / "results")


def made(results, name: str) -> pd.DataFrame:
    tables.write(results)
    return pd.read_csv(results / "tables" / f"{name}.csv")


def surest(labels: np.ndarray, probability_fake: np.ndarray, threshold: float) -> float:
    """A metric that nobody has recorded: the largest distance from the threshold."""
    return float(np.abs(probability_fake - threshold).max())


def test_a_new_metric_shows_everywhere_for_cells_finished_before_it(results, monkeypatch):
    write_cell(results, "autoencoded", missing=("ifv1",))  # not examined
    monkeypatch.setitem(METRICS, "surest", Metric("Surest of all", surest, 4))
    grid = made(results, "grid").set_index("condition")
    assert grid.loc["baseline", "surest"].to_numpy() == pytest.approx(1 / (1 + np.exp(-2)) - 0.5, abs=1e-4)
    assert grid.loc["autoencoded", "surest"].isna().all() and (grid.loc["autoencoded", "auc"] == 0.5).all()
    fixed = pd.read_csv(results / "tables" / "metrics.csv").query("threshold_choice == 'fixed'")
    assert (fixed["surest"] == 0.3808).all()
    text = page.write(results).read_text()
    section = text.partition(">Other metrics and thresholds</h3>")[2].partition("</table>")[0]
    assert "<th>Surest of all</th>" in section and "<td>0.3808</td>" in section


def test_a_new_metric_is_computed_of_predictions_too(tmp_path, monkeypatch):
    folder = write_cell(tmp_path, missing=("sdv15", "ifv1")).parent
    rows = [("cifake", "matched", "REAL", 0.9), ("cifake", "matched", "FAKE", 0.2)]
    columns = ["test_set", "evaluation", "label", "probability_fake"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "predictions.csv", index=False)
    monkeypatch.setitem(METRICS, "surest", Metric("Surest of all", surest))
    grid = made(tmp_path, "grid").set_index("evaluation")
    assert grid.loc["matched", "surest"] == pytest.approx(0.4) and np.isnan(grid.loc["clean", "surest"])


def test_what_was_recorded_counts(complete):
    grid = pd.read_csv(complete / "tables" / "grid.csv")
    assert set(grid["auc"]) == {0.5}, "of metrics.json, and not of the scores"
    assert (grid["nll"] > 0).all(), "of the scores: metrics.json has none"


def test_a_new_rate_shows_among_the_rates(results, monkeypatch):
    monkeypatch.setitem(METRICS, "surest", Metric("Surest of all", surest, 1, percent=True))
    assert made(results, "table3")["surest"].to_numpy() == pytest.approx(38.08, abs=0.01)
    text = page.write(results).read_text()
    accuracies = text.partition(">Accuracy</h3>")[2].partition("</table>")[0]
    assert "<th>Surest of all</th>" in accuracies and "<td>38.1</td>" in accuracies
    assert "<td>0.381</td>" in text.partition(">Other metrics and thresholds</h3>")[2], "there rates are fractions"


def lacking(**parts):
    """Replaces parts of the scores of the perturbed condition's second seed by what `parts` make of them."""

    def change(results):
        path = results / "runs/phase1/perturbed/paper/seed-1/examination/scores.npz"
        scores = Scores.read(path)
        dataclasses.replace(scores, **{name: of(getattr(scores, name)) for name, of in parts.items()}).write(path)

    return change


def without(name: str):
    return lambda part: {key: value for key, value in part.items() if key != name}


def without_measure(results):
    path = results / "runs/phase1/perturbed/paper/seed-1/examination/dispersion.csv"
    pd.read_csv(path).drop(columns="gini").to_csv(path, index=False)


def of_perturbed(results, name: str, **where) -> pd.DataFrame:
    frame = pd.read_csv(results / "tables" / f"{name}.csv").query("condition == 'perturbed'")
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame


@pytest.mark.parametrize(
    ("change", "name", "where"),
    [
        (lacking(paths=without("autoencoded")), "matrix", {"path": "autoencoded"}),
        (lacking(paths=without("perturbed")), "matrix", {"path": "perturbed"}),
        (lacking(paths=without("perturbed")), "reliability", {}),
        (lacking(paths=without("perturbed")), "breakdown", {}),
        (lacking(paths=without("baseline")), "controls", {"control": "none"}),
        (lacking(altered=without("jpeg-75")), "controls", {"control": "re-encoded"}),
        (lacking(altered=without("jpeg-75")), "robustness", {"alteration": "jpeg", "level": 75}),
        (lacking(altered=without("kernel-box")), "controls", {"control": "kernel-box"}),
        (lacking(validation=without("clean")), "metrics",
         {"seed": 1, "evaluation": "clean", "threshold_choice": "validation"}),
        (without_measure, "dispersion", {"measure": "gini"}),
    ],
)  # fmt: skip
def test_what_an_examination_lacks_is_left_out(results, change, name, where):
    before = of_perturbed(results, name, **where)
    change(results)
    tables.write(results)
    assert len(before) and not len(of_perturbed(results, name, **where))
    assert len(pd.read_csv(results / "tables" / "table3.csv")) == 2 * 2 * 2, "conditions, evaluations, test sets"
    assert page.write(results).exists()


def test_differences_from_a_baseline_that_lacks_something_are_empty(results):
    for seed in (0, 1):
        path = results / f"runs/phase1/baseline/paper/seed-{seed}/examination"
        scores = Scores.read(path / "scores.npz")
        dataclasses.replace(scores, altered={}).write(path / "scores.npz")
        pd.read_csv(path / "dispersion.csv").drop(columns="gini").to_csv(path / "dispersion.csv", index=False)
    tables.write(results)
    assert of_perturbed(results, "controls", control="re-encoded")["difference"].isna().all()
    assert of_perturbed(results, "controls", control="none")["difference"].notna().all()
    assert of_perturbed(results, "dispersion", measure="gini")["difference"].isna().all()
    assert charts.write(results)


def test_curves_with_gaps_keep_their_levels_apart(results):
    for condition in ("baseline", "perturbed"):
        for seed in (0, 1):
            path = results / f"runs/phase1/{condition}/paper/seed-{seed}/examination/scores.npz"
            scores = Scores.read(path)
            kept = {name: of for name, of in scores.altered.items() if name != "jpeg-95"}
            dataclasses.replace(scores, altered=kept).write(path)
    (phase,) = examined.read(results)
    figure = charts.robustness(phase, pd.DataFrame(evidence.robustness(phase)))
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["none", "95", "85", "75", "50", "30"]
    assert list(axis.lines[0].get_xdata()) == [0, 2, 3, 4, 5]


def test_the_caption_names_the_conditions_that_meet_chance(results, monkeypatch):
    assert "(Perturbations, Aug. + AEC) are tested" in (results / "tables" / "table3.md").read_text()
    last = protocol.CONDITIONS["perturbed_autoencoded"]
    certain = dataclasses.replace(last, steps=protocol.clean(last.steps))
    monkeypatch.setitem(protocol.CONDITIONS, last.name, certain)
    tables.write(results)
    assert "(Perturbations) are tested" in (results / "tables" / "table3.md").read_text()
