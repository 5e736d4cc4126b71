"""Tables of examined cells, from scores made by hand: each number can be counted on the images it tells of."""

import json
import os
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.metrics import balanced_accuracy_score
from support import refused, write_cell

from cifake_keras import protocol
from cifake_keras.cli import main
from cifake_keras.records import cells, examined
from cifake_keras.records.scores import Scores
from cifake_keras.report import charts, evidence, page, tables
from cifake_keras.runtime.errors import UserError

# Ten real and ten fake CIFAKE images, an image of each CIFAR-10 class, and four and four of the unseen generator.
IMAGES = pd.DataFrame(
    [("cifake", label, "CIFAKE", "", f"test/X/{i} ({i}).jpg" if i > 1 else "test/X/1.jpg", int(i == 10))
     for label in (0, 1) for i in range(1, 11)]
    + [("sdv15", label, ("ImageNet", "SDv1.5")[label], ("", "SDv1.5")[label], f"{i}.png", 0)
       for label in (0, 1) for i in range(4)],
    columns=["test_set", "label", "source", "generator", "filename", "in_training"],
)  # fmt: skip
LABELS = IMAGES["label"].to_numpy()
SIGNS = 2.0 * LABELS - 1


def logits(*wrong: int) -> np.ndarray:
    """Right by a margin of 2 everywhere but at the images `wrong`."""
    right = 2 * SIGNS
    right[list(wrong)] *= -1
    return right


def examine(results, condition: str, seed: int, own: np.ndarray, other: np.ndarray | None = None) -> None:
    """own: the logits on the condition's own path, other: on every other one, and on altered images."""
    cell = write_cell(results, condition, seed, missing=("ifv1",)).parent
    other = own if other is None else other
    names = [f"{family}-{level}" for family, of in protocol.ALTERATIONS.items() for level in of.levels]
    names += [f"kernel-{kernel}" for kernel in protocol.KERNELS[1:]]
    scores = Scores(
        paths={name: own if name == condition else other for name in protocol.CONDITIONS},
        altered=dict.fromkeys(names, other),
        validation=dict.fromkeys(protocol.EVALUATIONS, np.array([-3.0, 1.0, 1.5, 4.0])),
        validation_labels=np.array([0, 0, 1, 1]),
    )
    folder = cell / "examination"
    folder.mkdir()
    scores.write(folder / "scores.npz")
    rows = [("vanilla_gradient", i, seed + i / 10, 0.5, 0.5, 0.1) for i in range(4)]
    columns = ["method", "image", "entropy", "gini", "top_share", "similarity_to_random"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "dispersion.csv", index=False)
    (folder / "metrics.json").write_text(json.dumps({"seconds": 1.5}))
    IMAGES.to_csv(results / "runs" / "phase1" / "images.csv", index=False)


@pytest.fixture
def results(tmp_path):
    """The baseline errs on image 0 with one seed and on none with another; the perturbed on images 0 and 10 to 14."""
    examine(tmp_path, "baseline", 0, logits(0), logits(0, 20, 21))
    examine(tmp_path, "baseline", 1, logits())
    examine(tmp_path, "perturbed", 0, logits(0, *range(10, 15)))
    examine(tmp_path, "perturbed", 1, logits(0, *range(10, 15)))
    return tmp_path


def rows(results, name: str, **where) -> pd.DataFrame:
    table = evidence.tables(examined.read(results))[name]
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_scores_are_read_as_they_were_written(results):
    (phase,) = examined.read(results)
    key = ("paper", "baseline")
    assert phase.seeds == {key: [0, 1], ("paper", "perturbed"): [0, 1]}
    assert np.array_equal(phase.logits(key, "baseline"), [logits(0), logits()])
    assert np.array_equal(phase.correct(key, "jpeg-75")[0], (logits(0, 20, 21) >= 0) == LABELS)


def test_the_matrix_keeps_paths_apart(results):
    own = rows(results, "matrix", condition="baseline", path="baseline", test_set="sdv15").iloc[0]
    other = rows(results, "matrix", condition="baseline", path="autoencoded", test_set="sdv15").iloc[0]
    assert (own.accuracy, own.tpr, own.tnr) == (100, 100, 100)
    assert (other.accuracy, other.tnr, other.tpr, other.n_real, other.seeds) == (87.5, 75, 100, 4, 2)


def test_comparisons_are_paired_and_signed(results):
    found = rows(results, "comparisons", test_set="cifake", evaluation="matched").iloc[0]
    assert (found.a, found.b, found.seeds) == ("baseline", "perturbed", 2)
    assert found.difference == pytest.approx(100 * (5.5 / 20), abs=1e-3), "5 images in both seeds, image 0 in one"
    assert found.p_holm >= found.p
    assert [float(p) for p in found.mcnemar_p.split()] == pytest.approx([2 * 0.5**5, 2 * 0.5**6], rel=0.05)


def test_compare_takes_either_order_and_says_what_is_missing(results):
    def told(*conditions):
        return CliRunner().invoke(main, ["compare", *conditions, "--results-dir", str(results)])

    assert "+27.5" in told("baseline", "perturbed").output and "-27.5" in told("perturbed", "baseline").output
    missing = told("baseline", "autoencoded")
    assert missing.exit_code == 2 and "no seed that both baseline and autoencoded were examined with" in missing.output


def test_controls_leave_out_what_was_trained_on(results):
    plain, unseen = (
        rows(results, "controls", condition="perturbed", control=control, test_set="cifake").iloc[0]
        for control in ("none", "not in training")
    )
    assert (plain.n_real, plain.n_fake, plain.tpr) == (10, 10, 50)
    assert (unseen.n_real, unseen.n_fake) == (9, 9) and unseen.tpr == pytest.approx(100 * 4 / 9, abs=1e-3)
    recoded = rows(results, "controls", condition="baseline", control="re-encoded", test_set="sdv15").iloc[0]
    assert recoded.tnr == 75 and np.isnan(recoded.difference)
    other = rows(results, "controls", condition="perturbed", control="re-encoded", test_set="cifake").iloc[0]
    assert other.difference == pytest.approx(-100 * 5.5 / 20, abs=1e-3), "as without re-encoding"
    curve = rows(results, "robustness", condition="baseline", alteration="jpeg", test_set="sdv15")
    assert list(curve["tnr"]) == [100, *[75] * 5] and curve["level"].isna().tolist() == [True, *[False] * 5]


def test_breakdown_knows_the_classes_of_cifar(results, monkeypatch):
    doubled = pd.concat([IMAGES, IMAGES], ignore_index=True)
    monkeypatch.setitem(globals(), "IMAGES", doubled)
    examine(results, "autoencoded", 0, np.concatenate([logits(11), logits(11)]))
    for condition in ("baseline", "perturbed"):
        for seed in (0, 1):
            (results / f"runs/phase1/{condition}/paper/seed-{seed}/examination/metrics.json").unlink()
    found = rows(results, "breakdown", by="class", rate="tpr").set_index("group")
    assert found.loc["automobile", "value"] == 0 and (found.drop("automobile")["value"] == 100).all()
    assert set(found.index) == set(evidence.CIFAR_CLASSES) and (found["n"] == 2).all()


def test_thresholds_are_frozen_on_validation_and_the_oracle_is_named(results):
    found = rows(results, "metrics", condition="baseline", seed=0, evaluation="matched", test_set="cifake")
    found = found.set_index("threshold_choice")
    assert found.loc["fixed", "threshold"] == 0.5
    between = 1 / (1 + np.exp(-1.25))
    assert found.loc["validation", "threshold"] == pytest.approx(between, abs=1e-3)
    assert found.loc["oracle", "balanced_accuracy"] >= found["balanced_accuracy"].max()


def test_best_threshold_is_the_best():
    rng = np.random.default_rng(0)
    for count in (2, 5, 40):
        labels = np.r_[0, 1, rng.integers(0, 2, count)]
        scores = np.round(rng.normal(labels, 1), 1)
        chosen = evidence.best_threshold(labels, scores)
        values = [balanced_accuracy_score(labels, scores >= t) for t in [*np.unique(scores), np.inf]]
        assert balanced_accuracy_score(labels, scores >= chosen) == pytest.approx(max(values))


def test_dispersion_is_compared_with_the_baseline_and_the_perturbed(results):
    for seed in (0, 1):
        examine(results, "autoencoded", seed, logits())
        path = results / f"runs/phase1/autoencoded/paper/seed-{seed}/examination/dispersion.csv"
        frame = pd.read_csv(path)
        frame.assign(entropy=frame["entropy"] + [0.2, 0.21, 0.22, 0.23]).to_csv(path, index=False)
    found = rows(results, "dispersion", measure="entropy").set_index(["condition", "against"])
    assert list(found.index) == [
        ("baseline", ""),
        ("perturbed", "baseline"),
        ("autoencoded", "baseline"),
        ("autoencoded", "perturbed"),
    ]
    assert found.loc[("perturbed", "baseline"), "value"] == pytest.approx(0.65)
    assert found["difference"].tolist() == pytest.approx([np.nan, 0, 0.215, 0.215], nan_ok=True)
    tested = rows(results, "dispersion").dropna(subset="p")
    assert len(tested) == 9 and set(tested["measure"]) == {"entropy", "gini", "top_share"}, "no check among them"
    smallest = tested["p"].min()
    assert tested["p_holm"].min() == pytest.approx(min(9 * smallest, 1), rel=0.1)


def test_scores_of_other_images_are_refused(results):
    IMAGES.iloc[1:].to_csv(results / "runs" / "phase1" / "images.csv", index=False)
    with pytest.raises(UserError, match=r"was not examined on the images of images\.csv; delete it"):
        examined.read(results)
    (results / "runs/phase1/baseline/paper/seed-0/examination/scores.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"scores\.npz is damaged"):
        examined.read(results)


def negated(folder):
    with np.load(folder / "scores.npz") as arrays:
        changed = {name: -array for name, array in arrays.items()}
    np.savez_compressed(folder / "scores.npz", **changed)


def cut(folder):
    text = (folder / "dispersion.csv").read_text()
    (folder / "dispersion.csv").write_text(text[: text.rindex("vanilla")])


@pytest.mark.parametrize("change", [negated, cut])
@pytest.mark.parametrize("line", [("tables",), ("figures",), ("compare", "baseline", "perturbed")])
def test_an_examination_that_was_changed_is_refused(results, change, line):
    folder = results / "runs/phase1/baseline/paper/seed-0/examination"
    (folder / "metrics.json").write_text(json.dumps({"seconds": 1.5, **cells.digests(folder)}))
    change(folder)
    assert "has changed since it was written; put it back" in refused(*line, "--results-dir", results)


@pytest.mark.parametrize("name", ["metrics.json", "examination/metrics.json"])
@pytest.mark.parametrize("text", ["{}", "[]"])
@pytest.mark.parametrize("command", ["tables", "figures"])
def test_metrics_that_say_nothing_are_refused(results, name, text, command):
    (results / "runs/phase1/baseline/paper/seed-0" / name).write_text(text)
    assert f"{name} is not what a finished run writes" in refused(command, "--results-dir", results)


@pytest.mark.parametrize("text", ["", "method,ima", "method,image,gini\na,0,1\na,1,1\nb,0,1\n", "method,image\na,x\n"])
def test_a_cut_dispersion_is_refused(results, text):
    (results / "runs/phase1/baseline/paper/seed-0/examination/dispersion.csv").write_text(text)
    assert "dispersion.csv is not what a finished run writes" in refused("tables", "--results-dir", results)


@pytest.mark.parametrize("value", ["1e400", "1" * 5_000])
def test_an_infinite_dispersion_is_refused(results, value):
    path = results / "runs/phase1/baseline/paper/seed-0/examination/dispersion.csv"
    pd.read_csv(path).assign(entropy=value).to_csv(path, index=False)
    assert "dispersion.csv is not what a finished run writes (a measure is infinite" in refused(
        "tables", "--results-dir", results
    )


@pytest.mark.parametrize(
    "content", [b"", IMAGES.drop(columns="label").to_csv().encode(), IMAGES.to_csv().encode("utf-16")]
)
def test_a_list_of_images_that_is_none_is_refused(results, content):
    (results / "runs/phase1/images.csv").write_bytes(content)
    assert "images.csv is damaged" in refused("tables", "--results-dir", results)


@pytest.mark.parametrize(
    "name", ["images.csv", "baseline/paper/seed-0/metrics.json", "baseline/paper/seed-0/examination/scores.npz"]
)
def test_a_pipe_in_the_place_of_a_result_is_not_waited_for(results, name):
    path = results / "runs/phase1" / name
    path.unlink()
    os.mkfifo(path)
    assert f"{path} is a folder, a pipe or a device" in refused("tables", "--results-dir", results)


def test_table_3_has_intervals_and_tells_what_is_inside(results):
    tables.write(results)
    table = pd.read_csv(results / "tables" / "table3.csv").set_index(["condition", "evaluation", "test_set"])
    row = table.loc[("baseline", "matched", "cifake")]
    own = rows(results, "matrix", condition="baseline", path="baseline").set_index("test_set")["accuracy_half_width"]
    for test in ("cifake", "sdv15"):
        assert table.loc[("baseline", "matched", test), "half_width"] == pytest.approx(own[test])
    assert row.half_width > 0 and row.inside == ("yes" if abs(row.accuracy - 93.8) <= row.half_width else "no")
    text = (results / "tables" / "table3.md").read_text()
    assert f"{row.accuracy:.1f} \N{PLUS-MINUS SIGN} {row.half_width:.1f}" in text and " out |" in text


def test_tables_are_the_same_each_time(results):
    first = {path.name: path.read_bytes() for path in tables.write(results)}
    assert {path.name: path.read_bytes() for path in tables.write(results)} == first
    assert {"matrix.csv", "comparisons.csv", "controls.csv", "dispersion.csv", "robustness.csv"} <= first.keys()


def test_the_page_holds_the_numbers_of_the_tables(results):
    tables.write(results)
    pictures = charts.write(results)
    text = page.write(results).read_text()
    matrix = pd.read_csv(results / "tables" / "matrix.csv")
    for row in matrix.itertuples():
        assert f">{row.tnr:.1f} \N{PLUS-MINUS SIGN} {row.tnr_half_width:.1f}</td>" in text
    names = ["table3", "reproductions", "comparisons", "matrix", "controls", "breakdown", "metrics", "dispersion"]
    rows_of = [len(pd.read_csv(results / "tables" / f"{name}.csv")) + 1 for name in names]
    assert text.count("<tr>") == sum(rows_of)
    for picture in pictures:
        assert picture.stat().st_size and f'href="figures/{picture.stem}.pdf"' in text


class Cells(HTMLParser):
    """The rows of each table of a page, as text, by the CSV file that it is made of."""

    def __init__(self, text: str):
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self._rows, self._inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._inside = tag == "td"
        if tag == "details":
            self._rows = self.tables.setdefault(dict(attributes)["data-file"], [])
        elif tag == "tr":
            self._rows.append([])

    def handle_data(self, text):
        if self._inside:
            self._rows[-1].append(text)

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "td"


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_chromium_shows_the_numbers_of_the_csv_files(results):
    """From a file, without a server or a network, at the width of a telephone."""
    tables.write(results)
    address = page.write(results).as_uri()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,1600", f"--screenshot={results}/x.png"]
    subprocess.run(["chromium", *options, address], capture_output=True, timeout=120, check=True)
    picture = np.asarray(Image.open(results / "x.png").convert("L"))
    assert picture.shape == (1600, 390) and picture.std() > 5, "something is written there"
    line = ["chromium", *options[:3], "--dump-dom", address]
    shown = Cells(subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout).tables
    matrix = pd.read_csv(results / "tables" / "matrix.csv")
    rows = [cells for cells in shown["tables/matrix.csv"] if cells]
    told = [f"{row.accuracy:.1f} \N{PLUS-MINUS SIGN} {row.accuracy_half_width:.1f}" for row in matrix.itertuples()]
    assert [cells[3] for cells in rows] == told and len(rows) == len(matrix)
    assert [float(cells[-1]) for cells in rows] == pytest.approx(list(matrix["auc"]), abs=6e-4)
