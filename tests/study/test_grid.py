"""The whole run, on images made of nothing: cells, resumption, changed settings, SavedModels."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from support import command, output_of, picture, refused, run, write_zip

from cifake_keras import load_detector
from cifake_keras.evaluation.alterations import alter
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import CLEAN, ERROR_RATES
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.records.mistakes import Mistakes
from cifake_keras.records.scores import Scores
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import prepared, reading
from cifake_keras.sources.image_folder import slug
from cifake_keras.splits import composition
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import CellTask, read_classifier, step_tasks

pytestmark = pytest.mark.slow

ARGUMENTS = ("run-grid", "--phase", "phase1", "--no-sweep", "--epochs", "1", "--precision", "float32")


def folders(data_dir, root):
    return (
        "--data-dir", data_dir, "--results-dir", root / "results", "--saved-models-dir", root / "saved_models"
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(data_dir, tmp_path_factory):
    """A finished Phase 1, all four conditions."""
    root = tmp_path_factory.mktemp("study")
    output_of(*ARGUMENTS, *folders(data_dir, root))
    output_of("tables", "--results-dir", root / "results")
    return root


def cell(root, condition):
    return root / "results" / "runs" / "phase1" / condition / "paper" / "seed-1"


CONDITIONS = ("baseline", "perturbed", "autoencoded", "perturbed_autoencoded")


def test_metrics_follow_from_the_predictions(study):
    for condition in CONDITIONS:
        metrics = json.loads((cell(study, condition) / "metrics.json").read_text())
        predictions = pd.read_csv(cell(study, condition) / "predictions.csv")
        assert metrics["n_train"] == 200 and metrics["n_validation"] == 40
        assert set(metrics["tests"]) == {"cifake", "sdv15"}, "IFv1 is absent, so its test set is left out"
        for (test, evaluation), rows in predictions.groupby(["test_set", "evaluation"]):
            found = metrics["tests"][test][evaluation]
            right = (rows["probability_fake"] >= found["threshold"]) == (rows["label"] == "FAKE")
            assert found["accuracy"] == pytest.approx(right.mean())
            assert found["n_real"] + found["n_fake"] == len(rows)


def test_only_perturbing_conditions_differ_between_matched_and_clean(study):
    for condition in CONDITIONS:
        predictions = pd.read_csv(cell(study, condition) / "predictions.csv")
        matched, clean = (
            predictions[predictions["evaluation"] == name]["probability_fake"].to_numpy()
            for name in ("matched", "clean")
        )
        assert np.array_equal(matched, clean) == ("perturbed" not in condition)


def test_a_finished_cell_is_not_run_again(study, data_dir):
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    assert output_of(*ARGUMENTS, *folders(data_dir, study)).count("done before") == 4
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()} == before


def test_mistakes_that_a_finished_study_lacks_are_made(study, data_dir):
    """As of one that was finished by an earlier version. They are those of its predictions."""
    path = study / "results" / "runs" / "phase1" / "mistakes.npz"
    path.unlink()
    output_of(*ARGUMENTS, *folders(data_dir, study))
    mistakes = Mistakes.load(path)
    for condition in np.unique(mistakes.conditions):
        predictions = pd.read_csv(cell(study, condition) / "predictions.csv")
        clean = predictions[(predictions["test_set"] == "cifake") & (predictions["evaluation"] == CLEAN)]
        for label, of_class in enumerate(("REAL", "FAKE")):
            margins = (0.5 - label) * (clean.loc[clean["label"] == of_class, "probability_fake"] - 0.5)
            shown = mistakes.probability_fake[(mistakes.conditions == condition) & (mistakes.labels == label)]
            worst = margins[margins > 0].nlargest(4)
            assert (0.5 - label) * (shown - 0.5) == pytest.approx(worst.to_numpy(), abs=1e-6)


def test_a_changed_setting_is_named(study, data_dir):
    changed = refused(*ARGUMENTS, "--kernel", "nearest", *folders(data_dir, study))
    assert "kernel is bilinear there, nearest now" in changed


def test_an_autoencoder_serves_both_precisions_and_a_cell_is_of_one(study, data_dir):
    wanted = Cell("phase1", "autoencoded", "paper", 1)
    chosen = {"epochs": 1, "swept": False, "precision": "bfloat16"}
    run = PhaseRun(wanted.phase, Settings("available", data_dir, study / "results", **chosen))
    steps = step_tasks(run, run.condition(wanted).steps)
    assert [task.done() for task in steps] == [True]
    with pytest.raises(UserError, match="precision is float32 there, bfloat16 now"):
        CellTask(run, wanted).done()


def test_status_counts_the_cells(study):
    status = output_of("status", "--results-dir", study / "results")
    assert "5 done, 0 running, 0 failed, 0 unfinished, 5 to do" in status


@pytest.fixture(scope="module")
def wider(data_dir, tmp_path_factory):
    """The images of the study, and some of the test set of one size: eight photographs, six of one generator."""
    root = tmp_path_factory.mktemp("wider")
    wider = shutil.copytree(data_dir, root / "data")
    photographs = {f"imagen/imagen/n01_{i}_x.jpg": picture(i + 1_000, False, 300) for i in range(8)}
    fakes = {f"sd/outputs/txt2img-samples/samples/0000{i}.png": picture(i + 1_100, True, 256) for i in range(6)}
    for title, members in (("ImageNet native", photographs), ("SDv1.1", fakes)):
        origin = write_zip(root / f"{title}.zip", members)
        prepared.prepare("image_folder", wider, origin=origin, config=slug(title))
    return wider


@pytest.fixture(scope="module")
def examined(study, wider):
    """Two conditions of the study, examined."""
    told = output_of(
        "examine", "--phase", "phase1", "--condition", "baseline", "--condition", "perturbed_autoencoded",
        "--data-dir", wider, "--results-dir", study / "results",
    )  # fmt: skip
    assert "test Equal size: 8 real, 6 fake, without SDv1 Extile1, DrawBench SDv1.4" in told
    return study


def test_examination_scores_each_path_as_the_cell_did(examined):
    """Matched and clean predictions were written by the cell itself."""
    images = pd.read_csv(examined / "results" / "runs" / "phase1" / "images.csv")
    paths = {
        "baseline": {"matched": "baseline", "clean": "baseline"},
        "perturbed_autoencoded": {"matched": "perturbed_autoencoded", "clean": "autoencoded"},
    }
    for condition, of_evaluation in paths.items():
        scores = Scores.read(cell(examined, condition) / "examination" / "scores.npz")
        predictions = pd.read_csv(cell(examined, condition) / "predictions.csv")
        for evaluation, path in of_evaluation.items():
            rows = predictions[predictions["evaluation"] == evaluation]
            assert list(rows["filename"]) == list(images["filename"][: len(rows)]) and len(images) == len(rows) + 14
            assert np.abs(expit(scores.paths[path][: len(rows)]) - rows["probability_fake"]).max() < 1e-3
        assert len({tuple(np.round(logits, 2)) for logits in scores.paths.values()}) == 4, "every path is another"
        # The classifier is fed in the range that it knows: far from its own path, but no garbage.
        assert all(np.isfinite(logits).all() for logits in scores.paths.values())
        assert len(scores.altered) == 26 and scores.validation["clean"].shape == scores.validation_labels.shape == (40,)


@pytest.mark.parametrize("name", ["kernel-box", "jpeg-75"])
def test_altered_images_have_the_scores_of_their_own_pixels(examined, wider, name):
    """Other kernels leave the images of CIFAKE, which have 32x32 pixels, as they were; those are not scored again."""
    of = Cell("phase1", "perturbed_autoencoded", "paper", 1)
    run = PhaseRun(of.phase, Settings("available", wider, examined / "results"))
    if name == "kernel-box":
        sets = every_set(run.phase, wider, "box")
    else:
        tests = every_set(run.phase, wider)
        sets = [images.with_images(alter(images.images(np.arange(len(images))), "jpeg", 75)) for images in tests]
    folder, condition = of.folder(examined / "results"), run.condition(of)
    score = Scorer(read_classifier(folder, of.classifier), run.networks(condition.steps), condition.range)
    expected = np.concatenate([score(images, condition.path(CLEAN)) for images in sets])
    scores = Scores.read(folder / "examination" / "scores.npz")
    assert scores.altered[name] == pytest.approx(expected, abs=2e-3)


def every_set(phase, data_dir, kernel="bilinear"):
    """All test sets on which cells are examined."""
    beyond = [composition.compose_test(test, data_dir, kernel)[0] for test in phase.beyond]
    return [*composition.compose(phase, "available", data_dir, kernel).tests.values(), *beyond]


def test_a_detour_is_by_way_of_64_px_and_a_compression(examined, wider):
    """Photographs of tiny-imagenet, which have 64 px, stay as they are."""
    scores = Scores.read(cell(examined, "baseline") / "examination" / "scores.npz")
    images = pd.read_csv(examined / "results" / "runs" / "phase1" / "images.csv")
    changed = scores.altered["detour-bilinear"] != scores.paths["baseline"]
    assert set(images[changed]["source"]) == {"SDv1.5", "ImageNet native", "SDv1.1"}
    image = prepared.stored(prepared.find(wider, "image_folder/sdv11"))["train"][0]
    small = reading.compressed(reading.resize(image["image"], 64, "bicubic"), 75)
    row = images.index[images["filename"] == image["filename"].decode()][0]
    network = read_classifier(cell(examined, "baseline"), "paper")
    expected = network(reading.resize(small, 32, "box")[None].astype(np.float32) / 255).numpy().item()
    assert scores.altered["detour-box"][row] == pytest.approx(expected, abs=2e-3)


def test_examination_keeps_saliency_and_is_not_done_twice(examined, wider):
    dispersion = pd.read_csv(cell(examined, "baseline") / "examination" / "dispersion.csv")
    assert set(dispersion["method"]) == {"vanilla_gradient", "smoothgrad", "grad_cam"} and len(dispersion) == 3 * 40
    again = output_of("examine", "--condition", "baseline", "--data-dir", wider, "--results-dir", examined / "results")
    assert "1 cells examined before, 0 to examine" in again


def test_cells_of_a_phase_that_is_ours_alone_are_examined_on_their_paths(wider, tmp_path):
    line = ("--phase", "diverse0", "--condition", "baseline", "--classifier", "bird_lotfi")
    output_of(*ARGUMENTS[:1], *line, *ARGUMENTS[3:], *folders(wider, tmp_path))
    examined = output_of("examine", *line, *folders(wider, tmp_path)[:4])
    assert "2 paths, 0 alterations; saliency and alterations are left out" in examined
    folder = tmp_path / "results" / "runs" / "diverse0" / "baseline" / "bird_lotfi" / "seed-1" / "examination"
    assert not (folder / "dispersion.csv").exists()
    output_of("tables", "--results-dir", tmp_path / "results")
    assert "equal_size" in (tmp_path / "results" / "tables" / "generators.csv").read_text()
    assert not (tmp_path / "results" / "tables" / "robustness.csv").exists()


def test_a_killed_examination_goes_on_to_the_same_result(examined, wider, tmp_path):
    results = shutil.copytree(examined / "results", tmp_path / "results")
    whole, again = (cell(root, "baseline") / "examination" for root in (examined, tmp_path))
    shutil.rmtree(again)
    line = ("examine", "--condition", "baseline", "--data-dir", wider, "--results-dir", results)
    killed = subprocess.Popen([sys.executable, "-m", "cifake_keras.cli", *map(str, line)], stderr=subprocess.DEVNULL)
    while len(parts := list(again.glob("parts/[!.]*.npy"))) < 6:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    parts[0].write_bytes(parts[0].read_bytes()[:-1])
    output = output_of(*line)
    assert re.search(r"goes on, \d+ of 34 parts were measured before", output) and "is damaged" in output
    with np.load(whole / "scores.npz") as expected, np.load(again / "scores.npz") as scores:
        assert set(scores) == set(expected) and all(np.array_equal(scores[name], expected[name]) for name in expected)
    assert (again / "dispersion.csv").read_bytes() == (whole / "dispersion.csv").read_bytes()
    assert not (again / "parts").exists()


def test_other_images_than_the_cells_are_refused(examined, data_dir, tmp_path):
    for label in ("real", "fake"):
        (tmp_path / f"val_{label}_filenames.csv").write_text("0001 (2).jpg\n")
    folders = ("--validation-files", tmp_path, "--data-dir", data_dir, "--results-dir", examined / "results")
    assert "was made with other images; name its --data-dir" in refused("examine", *folders)


def test_tables_figures_and_page_of_an_examined_study(examined):
    """The tables are the same in another process, which makes them anew."""
    results, written = examined / "results", []
    for act in (command, output_of):
        shutil.rmtree(results / "tables")
        act("tables", "--results-dir", results)
        written.append({path.name: path.read_bytes() for path in (results / "tables").iterdir()})
    assert "matrix.csv" in written[0] and written[0] == written[1]
    output_of("figures", "--results-dir", results)
    output_of("report", "--results-dir", results)
    assert (results / "figures" / "matrix_phase1.png").exists()
    assert "Every classifier on every path" in (results / "report.html").read_text()


def test_a_cell_that_fails_leaves_the_others_alone_and_is_tried_again(study, data_dir, tmp_path):
    shutil.copytree(
        cells.step_folder(study / "results", "phase1", "autoencoder", 1),
        cells.step_folder(tmp_path / "results", "phase1", "autoencoder", 1),
    )
    weights = cells.step_folder(tmp_path / "results", "phase1", "autoencoder", 1) / "model.weights.h5"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"x")
    line = (*ARGUMENTS, "--condition", "autoencoded", "--condition", "baseline", *folders(data_dir, tmp_path))
    failed = run(*line)
    assert failed.exit_code == 1 and "1 of 2 failed; the same command tries them again" in failed.output
    assert (
        "phase1 autoencoded paper seed 1: UserError:" in failed.output
        and "has changed since it was written" in failed.output
    )
    assert (
        "Traceback" not in failed.output and "Traceback" in (cell(tmp_path, "autoencoded") / "failure.txt").read_text()
    )
    assert (cell(tmp_path, "baseline") / "metrics.json").exists() and (
        tmp_path / "saved_models/phase1/baseline"
    ).exists()
    weights.write_bytes(whole)
    assert output_of(*line).count("done before") == 1
    assert not (cell(tmp_path, "autoencoded") / "failure.txt").exists()


def owners(root):
    """The processes that have claimed a cell."""
    claims = (root / "results" / ".claims").glob("phase1-*-seed-*")
    return {int(found[1]) for path in claims if (found := re.search(r"^pid=(\d+)$", path.read_text(), re.M))}


def test_runs_share_a_grid_and_take_over_what_a_killed_one_was_doing(data_dir, tmp_path):
    wanted = ("--condition", "baseline", "--condition", "perturbed", "--seeds", "2", "--classifier", "bird_lotfi")
    line = [sys.executable, "-m", "cifake_keras.cli", *ARGUMENTS, *wanted, *map(str, folders(data_dir, tmp_path))]
    runs = [subprocess.Popen(line, stderr=subprocess.DEVNULL) for _ in range(3)]
    while not (owning := [run for run in runs if run.pid in owners(tmp_path)]):
        assert all(run.poll() is None for run in runs)
        time.sleep(0.01)
    owning[0].kill()
    assert sorted(run.wait() for run in runs) == [-signal.SIGKILL, 0, 0]
    logs = [path.read_text() for path in (tmp_path / "results").rglob("log.txt")]
    assert len(logs) == 4 and sum(log.count(": validation ") for log in logs) in (4, 5)
    assert sum(log.count("epoch 1 of 1") for log in logs) in (4, 5), "that of the killed one, twice perhaps"
    assert len(list((tmp_path / "results").rglob("metrics.json"))) == 4 and not owners(tmp_path)


SWEEP = ("run-grid", "--phase", "phase1", "--condition", "baseline", "--epochs", "1")


def test_a_sweep_in_two_processes_survives_a_kill_and_gives_its_choice_to_the_cells(data_dir, tmp_path):
    line = [*SWEEP, *map(str, folders(data_dir, tmp_path))]
    program = [sys.executable, "-m", "cifake_keras.cli", *line, "--jobs", "2"]
    killed = subprocess.Popen(program, stderr=subprocess.DEVNULL, start_new_session=True)
    sweep = cell(tmp_path, "baseline").with_name("sweep")
    while not (done := list(sweep.glob("group-*/metrics.json"))):
        assert killed.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    before = done[0].stat().st_mtime_ns
    output_of(*line)
    assert done[0].stat().st_mtime_ns == before
    candidates = pd.read_csv(sweep / "candidates.csv")
    metrics = json.loads((cell(tmp_path, "baseline") / "metrics.json").read_text())
    best = candidates.iloc[candidates["validation_accuracy"].argmax()]
    assert len(candidates) == 9
    assert metrics["hyperparameters"]["learning_rate"] == best["learning_rate"]
    assert metrics["hyperparameters"]["l2"] == best["l2"]


SERVE = """
import sys, tensorflow as tf
from tensorflow import io
jpeg, *models = sys.argv[1:]
content = io.read_file(jpeg)
image = tf.cast(io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE"), tf.float32)[None] / 255
for model in models:
    signatures = tf.saved_model.load(model).signatures
    by_pixels = signatures["serving_default"](image=image)["probability_fake"]
    by_bytes = signatures["serve_bytes"](image_bytes=content[None])["probability_fake"]
    print(by_pixels.shape, float(abs(by_pixels - by_bytes)[0]))
assert not any(name.split(".")[0] == "cifake_keras" for name in sys.modules)
"""


def test_a_savedmodel_needs_tensorflow_alone(study, tmp_path):
    """One without and one with an autoencoder: what perturbs is in none."""
    jpeg = tmp_path / "image.jpg"
    jpeg.write_bytes(picture(1, True))
    models = [study / "saved_models" / "phase1" / condition for condition in ("perturbed", "perturbed_autoencoded")]
    line = [sys.executable, "-c", SERVE, jpeg, *models]
    served = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert served.returncode == 0, served.stderr
    assert len(served.stdout.splitlines()) == len(models)
    for answer in served.stdout.splitlines():
        shape, difference = answer.rsplit(maxsplit=1)
        assert shape == "(1,)" and float(difference) < 1e-3


def test_a_savedmodel_has_the_card_of_its_cell(study):
    for condition in CONDITIONS:
        model = study / "saved_models" / "phase1" / condition
        card = json.loads((model / "assets.extra" / "model_card.json").read_text())
        assert card["threshold"] == 0.5 and card["condition"] == condition
        assert [row["error_rate"] for row in card["verdicts"]] == list(ERROR_RATES)
        for scores in (evaluations["clean"] for evaluations in card["tests"].values()):
            assert all(low <= scores[name] <= high for name, (low, high) in scores["intervals"].items())
            assert set(scores["intervals"]) == {"accuracy", "balanced_accuracy", "tpr", "tnr", "auc"}


def test_a_savedmodel_gives_the_probabilities_of_the_predictions(study):
    """Through other software than the evaluation's: Pillow reads the files, the SavedModel resizes and answers."""
    import tensorflow as tf

    contents, expected = some_predictions(study, "autoencoded")
    served = tf.saved_model.load(study / "saved_models" / "phase1" / "autoencoded").signatures["serve_bytes"]
    answers = served(image_bytes=tf.constant(contents))["probability_fake"].numpy()
    assert np.abs(answers - expected).max() < 5e-3


def some_predictions(study, condition):
    """Files of test images, and what the cell said of them."""
    predictions = pd.read_csv(cell(study, condition) / "predictions.csv")
    rows = predictions.query("evaluation == 'clean' and generator == 'SDv1.5'").head(8)
    numbers = rows["filename"].str.extract(r"(\d+)")[0].astype(int)
    return [picture(number + 700, True, 96) for number in numbers], rows["probability_fake"].to_numpy()


def test_a_savedmodel_is_a_detector_that_can_be_explained(study):
    contents, expected = some_predictions(study, "perturbed_autoencoded")
    images = [reading.decode(content) for content in contents]
    detector = load_detector(study / "saved_models" / "phase1" / "perturbed_autoencoded")
    assert np.abs(detector.predict(images) - expected).max() < 1e-3
    assert all(maps.shape == (2, 32, 32) for maps in detector.explain(images[:2]).values())
