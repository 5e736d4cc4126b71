"""Tables say what the metrics say, with the paper's numbers beside them and nothing lost on the way."""

import io
import subprocess
import sys

import pandas as pd
import pytest
from rich.console import Console
from scipy import stats
from support import scores, write_cell

from cifake_keras import protocol
from cifake_keras.report import tables
from cifake_keras.runtime.errors import UserError


def read(results, name):
    return pd.read_csv(results / "tables" / name)


def text(results, name):
    return (results / "tables" / name).read_text(encoding="utf-8").replace(tables.DASH, "-")


def shown(results, width=100):
    console = Console(width=width, file=io.StringIO())
    tables.write(results, console)
    return console.file.getvalue().replace(tables.DASH, "-")


def cells_of(markdown, condition):
    """The cells of the first row of a condition."""
    row = next(line for line in markdown.splitlines() if line.startswith(f"| {condition} "))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_accuracies_stand_beside_the_papers(tmp_path):
    write_cell(tmp_path, "baseline", accuracy=0.9123)
    write_cell(tmp_path, "perturbed_autoencoded", accuracy=0.5)
    tables.write(tmp_path)
    rows = read(tmp_path, "table3.csv").set_index(["condition", "evaluation", "test_set"])
    row = rows.loc[("baseline", "matched", "sdv15")]
    assert (row.accuracy, row.paper, row.n_real, row.n_fake, row.seeds) == (91.23, 73.9, 1000, 300, 1)
    assert (row.tpr, row.selection) == (50, "sweep")
    assert rows.loc[("perturbed_autoencoded", "matched", "ifv1"), "paper"] == 51.3
    assert rows.loc[("baseline", "clean", "sdv15"), "accuracy"] == 92.23
    assert rows.xs("clean", level="evaluation")["paper"].isna().all()
    markdown = text(tmp_path, "table3.md")
    ours = "91.2 ± 2.7"
    assert cells_of(markdown, "Baseline") == [ours, "93.8 in", ours, "73.9 out", ours, "63.4 out"]
    assert cells_of(markdown, "AEC") == ["-", "87.6", "-", "66.0", "-", "54.9"]
    assert "SDv1.5 (1,000 + 300)" in markdown
    for part in ("Preset available", "bilinear", "Seeds: 1.", "chosen by validation accuracy in a sweep", "Matched:"):
        assert part in markdown


def test_phase_two_has_no_published_number_for_the_fourth_condition(tmp_path):
    write_cell(tmp_path, "perturbed_autoencoded", phase="phase2")
    written = tables.write(tmp_path)
    assert {path.name for path in written} == {
        "grid.csv", "table2.csv", "table2.md", "table4.csv", "table4.md"
    }  # fmt: skip
    assert read(tmp_path, "table4.csv")["paper"].isna().all()
    assert cells_of(text(tmp_path, "table4.md"), "Aug. + AEC") == ["90.0 ± 2.7", "-"] * 3


def test_counts_are_wanted_and_used(tmp_path):
    write_cell(tmp_path)
    write_cell(tmp_path, phase="phase2", missing=("cogview2",))
    tables.write(tmp_path)
    first = read(tmp_path, "table1.csv").set_index(["split", "class", "source"])
    assert tuple(first.loc[("train + validation", "FAKE", "CIFAKE")]) == (55_000, 54_990)
    assert tuple(first.loc[("sdv15", "FAKE", "SDv1.5")]) == (798, 788)
    second = read(tmp_path, "table2.csv").set_index(["split", "class", "source"])
    assert tuple(second.loc[("in_sample", "FAKE", "IFv1")]) == (2_000, 1_990)
    assert tuple(second.loc[("cogview2", "REAL", "ImageNet")]) == (1_000, 0)
    assert "| test: SDv1.5       | FAKE    | SDv1.5   |      798 |    788 |" in text(tmp_path, "table1.md")


def test_missing_test_set_is_named_and_keeps_the_papers_number(tmp_path):
    write_cell(tmp_path, missing=("ifv1",))
    tables.write(tmp_path)
    markdown = text(tmp_path, "table3.md")
    assert "Missing test sets: IFv1." in markdown and "IFv1 (missing)" in markdown
    assert cells_of(markdown, "Baseline")[-2:] == ["-", "63.4"]
    assert "ifv1" not in set(read(tmp_path, "table3.csv")["test_set"])


def test_several_seeds_give_mean_and_range(tmp_path):
    for seed, accuracy in enumerate((0.80, 0.84, 0.85), start=1):
        write_cell(tmp_path, seed=seed, accuracy=accuracy)
    write_cell(tmp_path, "perturbed", accuracy=0.7, selection="fixed")
    tables.write(tmp_path)
    row = read(tmp_path, "table3.csv").iloc[0]
    assert (row.seeds, row.accuracy, row.accuracy_min, row.accuracy_max) == (3, 83, 80, 85)
    markdown = text(tmp_path, "table3.md")
    assert cells_of(markdown, "Baseline")[0] == "83.0 (80.0-85.0)"
    assert cells_of(markdown, "Perturbations")[0] == "70.0 ± 2.7"
    assert "Seeds: Baseline 1, 2, 3; Perturbations 1 " in markdown
    assert "Perturbations fixed, not swept" in markdown


def test_a_single_seed_has_the_interval_of_its_images(tmp_path):
    write_cell(tmp_path, tests={"cifake": {"matched": scores(0.74) | {"tnr": 0.8, "tpr": 0.54}}})
    tables.write(tmp_path)
    variance = (1000 / 1300) ** 2 * 0.8 * 0.2 / 999 + (300 / 1300) ** 2 * 0.54 * 0.46 / 299
    half_width = 100 * stats.t.ppf(0.975, 1298) * variance**0.5
    assert read(tmp_path, "table3.csv").loc[0, "half_width"] == pytest.approx(half_width, abs=1e-4)
    assert cells_of(text(tmp_path, "table3.md"), "Baseline")[0] == f"74.0 ± {half_width:.1f}"


def test_absent_class_leaves_a_gap(tmp_path):
    write_cell(tmp_path, tests={"cifake": {"matched": scores(0.9) | {"tnr": None, "accuracy": None, "n_real": 0}}})
    tables.write(tmp_path)
    assert read(tmp_path, "table3.csv")[["tnr", "accuracy"]].isna().all(axis=None)
    assert cells_of(text(tmp_path, "table3.md"), "Baseline")[0] == "-"


def test_second_classifier_has_its_own_block_without_the_papers_numbers(tmp_path):
    write_cell(tmp_path)
    tables.write(tmp_path)
    assert "Bird & Lotfi" not in text(tmp_path, "table3.md")
    write_cell(tmp_path, classifier="bird_lotfi", accuracy=0.77)
    tables.write(tmp_path)
    block = text(tmp_path, "table3.md").split("## Bird & Lotfi's CNN, matched evaluation")[1]
    assert cells_of(block, "Baseline") == ["77.0 ± 2.7"] * 3


@pytest.mark.parametrize("phase, number", [("phase1", 1), ("phase2", 2)])
def test_demo_is_marked_everywhere_and_has_no_paper_column(tmp_path, phase, number):
    write_cell(tmp_path, preset="demo", phase=phase)
    tables.write(tmp_path)
    for name in (f"table{number}", f"table{number + 2}"):
        assert set(read(tmp_path, f"{name}.csv")["images"]) == {"procedural"}
        markdown = text(tmp_path, f"{name}.md")
        assert "procedural images" in markdown.splitlines()[0]
        assert "procedural images made by this package, not the paper's data" in markdown
    assert "paper" not in read(tmp_path, f"table{number + 2}.csv")
    assert "paper |" not in markdown and protocol.DEMO_PHASES[number - 1].tests[1].title in markdown
    assert set(read(tmp_path, "grid.csv")["preset"]) == {"demo"}
    assert "procedural images" in shown(tmp_path).splitlines()[0]
    assert "95% interval" in markdown and "the paper's number" not in markdown


def test_topologies_are_compared_in_sample(tmp_path):
    for seed in (1, 2):
        write_cell(tmp_path, seed=seed, classifier="bird_lotfi_16x3", accuracy=0.7 + seed / 10)
    tables.write(tmp_path)
    assert not (tmp_path / "tables" / "topologies.csv").exists(), "one has nothing to be compared with"
    write_cell(tmp_path, classifier="bird_lotfi", accuracy=0.9)
    write_cell(tmp_path, "perturbed", classifier="bird_lotfi", accuracy=0.6)
    write_cell(tmp_path, accuracy=0.5)
    tables.write(tmp_path)
    first, second = read(tmp_path, "topologies.csv").to_dict("records")
    assert (first["filters"], first["dense"], first["units"], first["seeds"]) == (32, 1, 64, 1)
    assert (first["accuracy"], first["tpr"], first["validation_accuracy"]) == (90, 50, 94)
    assert first["half_width"] == pytest.approx(2.7, abs=0.1), "of its images, as in Table 3"
    assert (second["filters"], second["dense"], second["units"], second["seeds"]) == (16, 0, 0, 2)
    assert round(second["accuracy"], 6) == 85


def test_topologies_do_not_bury_the_other_classifiers_of_table_3(tmp_path):
    for name in ("bird_lotfi_16x3", "bird_lotfi_dense_32x2"):
        write_cell(tmp_path, classifier=name)
    tables.write(tmp_path)
    assert text(tmp_path, "table3.md").count("matched evaluation") == 2, "they alone are shown"
    write_cell(tmp_path, classifier="bird_lotfi")
    tables.write(tmp_path)
    assert set(read(tmp_path, "table3.csv")["classifier"]) == {"bird_lotfi"}
    assert "filters alone" not in text(tmp_path, "table3.md")
    assert len(read(tmp_path, "grid.csv")["classifier"].unique()) == 3
    assert len(read(tmp_path, "topologies.csv")) == 3


def test_grid_has_every_metric_in_the_protocols_order(tmp_path):
    for condition in reversed(protocol.PAPER_CONDITIONS):
        for seed in (10, 2):
            write_cell(tmp_path, condition, seed)
    tables.write(tmp_path)
    grid = read(tmp_path, "grid.csv")
    assert list(grid["condition"].unique()) == list(protocol.PAPER_CONDITIONS)
    assert list(grid["seed"].unique()) == [2, 10]
    assert len(grid) == 4 * 2 * 3 * 2
    first = grid.iloc[0]
    assert (first.test_set, first.evaluation, first.accuracy, first.auc) == ("cifake", "matched", 0.9, 0.5)
    assert (first.validation_accuracy, first.n_train, first.learning_rate, first.epochs) == (0.94, 100_000, 1e-3, 5)
    assert "seconds" not in grid


def test_rerun_is_byte_identical(tmp_path):
    write_cell(tmp_path, seed=1)
    path = write_cell(tmp_path, seed=0)
    before = {path: path.read_bytes() for path in tables.write(tmp_path)}
    path.write_text(path.read_text().replace('"seconds": 1.5', '"seconds": 99'))
    assert {path: path.read_bytes() for path in tables.write(tmp_path)} == before
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {path.name for path in before}


def test_show_fits_the_terminal(tmp_path):
    for condition in protocol.PAPER_CONDITIONS:
        for seed, accuracy in enumerate((0.9, 0.99)):
            write_cell(tmp_path, condition, seed, accuracy=accuracy)
            write_cell(tmp_path, condition, seed, accuracy=accuracy, phase="phase2")
    lines = shown(tmp_path).splitlines()
    assert max(map(len, lines)) <= 100 and not any("…" in line for line in lines)
    baseline = next(line for line in lines if "Baseline" in line)
    assert " ".join(baseline.split()) == "Baseline 94.5 (90.0-99.0) 93.8 94.5 (90.0-99.0) 73.9 94.5 (90.0-99.0) 63.4"
    assert any(line.startswith("Table 4. Phase 2") for line in lines)


def test_nothing_finished(tmp_path):
    with pytest.raises(UserError, match="no finished cell"):
        tables.write(tmp_path)


def test_mixtures_are_refused(tmp_path):
    write_cell(tmp_path / "presets")
    write_cell(tmp_path / "presets", "perturbed", preset="demo")
    write_cell(tmp_path / "kernels")
    write_cell(tmp_path / "kernels", seed=2, kernel="nearest")
    write_cell(tmp_path / "data")
    write_cell(tmp_path / "data", seed=2, missing=("ifv1",))
    for what in ("presets", "kernels", "data"):
        with pytest.raises(UserError, match=rf"mixes .*{what}.*seed-[12].metrics\.json.*results folders of their own"):
            tables.write(tmp_path / what)
        assert not (tmp_path / what / "tables").exists()


def test_copied_cell_is_not_counted_twice(tmp_path):
    path = write_cell(tmp_path)
    path.parent.rename(path.parent.with_name("seed-2"))
    with pytest.raises(UserError, match="another folder"):
        tables.write(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace('"n_fake": 300', '"n_fakes": 300'),
        lambda text: text.replace('"accuracy": 0.9,', '"accuracy": "high",'),
        lambda text: text.replace('"validation_accuracy"', '"accuracy_of_validation"'),
        lambda text: text.replace('"splits"', '"split"'),
        lambda text: text.replace('"cifake"', '"cifar"'),
        lambda text: text.replace('"sweep"', '"guess"'),
    ],
)
def test_damaged_metrics_are_named(tmp_path, damage):
    path = write_cell(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=r"metrics\.json is .*delete .+ and run again"):
        tables.write(tmp_path)


def test_tables_and_figures_need_no_tensorflow(tmp_path):
    write_cell(tmp_path)
    program = (
        "import sys; from pathlib import Path; from cifake_keras.report import figures, tables\n"
        "tables.write(Path(sys.argv[1])); figures.write(Path(sys.argv[1]))\n"
        "assert not {'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
