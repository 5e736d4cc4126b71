"""cifake-keras predict and explain: what they answer, refuse and leave alone."""

import csv
import io
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from support import command, make_deep, noise_png, one_sentence, output_of, picture, refused, run

from cifake_keras import load_detector
from cifake_keras.cli import main
from cifake_keras.detector import PRETRAINED, PRETRAINED_NATIVE, litert, predictions
from cifake_keras.protocol import ERROR_RATES
from cifake_keras.sources import reading, scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four images, one in a folder of its own and one with a name that needs quoting, and a file that is none."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "deeper").mkdir()
    names = ["a.jpg", "b.jpg", "deeper/c.jpg", 'd, "e".jpg']
    for number, name in enumerate(names):
        (folder / name).write_bytes(picture(number, number % 2 == 1))
    (folder / "notes.txt").write_text("no image")
    return folder


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_is_answered_in_every_format(folder):
    done = command("predict", folder, "--format", "csv")
    assert done.returncode == 0 and done.stderr.startswith(f"{folder / 'notes.txt'}: is no image")
    *found, notes = rows(done.stdout)
    assert notes.pop("error").startswith("is no image") and [*notes.values()] == [str(folder / "notes.txt"), *[""] * 4]
    paths = [folder / name for name in ("a.jpg", "b.jpg", 'd, "e".jpg', "deeper/c.jpg")]
    assert [row["path"] for row in found] == [str(path) for path in paths]
    expected = load_detector().predict(paths)
    assert [float(row["probability_fake"]) for row in found] == pytest.approx(expected, abs=1e-6)
    assert [row["verdict"] for row in found] == load_detector().verdicts(paths)
    *as_json, notes = json.loads(command("predict", folder, "--format", "json").stdout)
    assert notes["path"] == str(folder / "notes.txt") and notes["probability_fake"] is None
    assert [row | {"probability_fake": str(row["probability_fake"])} for row in as_json] == found
    table = command("predict", folder).stdout.splitlines()
    assert len(table) == 4 and table[0].split() == [f"{expected[0]:.1%}", found[0]["verdict"], str(paths[0])]


def test_paths_come_from_standard_input(folder):
    done = run("predict", "-", "--format", "csv", input=f"{folder / 'b.jpg'}\n\n{folder / 'deeper'}\n")
    assert [row["path"] for row in rows(done.stdout)] == [str(folder / "b.jpg"), str(folder / "deeper" / "c.jpg")]


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_what_a_folder_holds_besides_is_told_in_every_format(form, folder, tmp_path):
    """By reason; and it is a failure where an image may be missing."""
    (tmp_path / "a.jpg").write_bytes(picture(1, True))
    for number in range(5):
        (tmp_path / f".{number}").touch()
    done = run("predict", tmp_path, "--format", form)
    hidden = ", ".join(str(tmp_path / f".{number}") for number in range(3))
    assert (done.exit_code, done.stderr) == (0, f"{hidden} and 2 more: is hidden\n")
    (tmp_path / "elsewhere").symlink_to(folder)
    (tmp_path / "gone").symlink_to("nowhere")
    done = run("predict", tmp_path, "--format", form)
    assert done.exit_code == 1 and "elsewhere: is a link to a folder" in done.stderr
    assert done.stderr.endswith("Error: 2 of 3 could not be answered, for the reasons above.\n")
    assert [done.stdout.count(word) for word in ("is hidden", "is a link to nothing", "a.jpg")] == (
        [0, 0, 1] if form == "table" else [5, 1, 1]
    )


def test_folders_deeper_than_the_system_takes_are_told(tmp_path):
    (tmp_path / "deep").mkdir()
    make_deep(tmp_path / "deep")
    done = run("predict", tmp_path / "deep")
    too_deep, error = done.stderr.splitlines()[0], one_sentence(done.exit_code, done.stderr)
    assert too_deep.endswith("is too deep: its path is longer than the system takes") and "was no image" in error


@pytest.mark.parametrize("begin, end", [(b"", b"\n"), (b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n")])
def test_a_list_may_come_from_any_system(begin, end, folder):
    given = begin + os.fsencode(folder / "b.jpg") + end + os.fsencode(folder / "a.jpg") + end
    line = [sys.executable, "-m", "cifake_keras.cli", "predict", "-"]
    done = subprocess.run(line, input=given, capture_output=True)
    assert done.returncode == 0 and done.stdout.splitlines()[0].endswith(b"b.jpg"), done.stderr


@pytest.mark.parametrize("encoding, end", [("utf-16", "\n"), ("utf-16-le", "\n"), ("utf-8", "\0")])
def test_a_list_that_is_none_is_refused(encoding, end, folder):
    given = f"{folder / 'a.jpg'}{end}".encode(encoding)
    result = CliRunner().invoke(main, ["predict", "-"], input=given)
    assert "list on standard input is UTF-16 or has zero bytes; write it in UTF-8" in one_sentence(
        result.exit_code, result.output
    )


def test_the_threshold_decides_the_verdict(folder):
    for threshold, verdict in ((0, "FAKE"), (1, "REAL")):
        done = run("predict", folder, "--threshold", threshold, "--format", "csv")
        assert {row["verdict"] for row in rows(done.stdout) if not row["error"]} == {verdict}


def test_a_lower_error_rate_leaves_more_unsure(tmp_path):
    """On images of a recipe that the detector is not certain of."""
    for number, image in enumerate(scenes.images("nearest", 40)):
        (tmp_path / f"{number}.png").write_bytes(reading.encode_png(image))
    unsure = []
    for rate in ERROR_RATES:
        found = rows(run("predict", tmp_path, "--error-rate", rate, "--format", "csv").stdout)
        limits = load_detector().limits(rate)
        for row in found:
            below, above = (float(row["probability_fake"]) < bound for bound in limits)
            assert row["verdict"] == ("REAL" if below else "UNSURE" if above else "FAKE")
        unsure.append(sum(row["verdict"] == "UNSURE" for row in found))
    assert unsure == sorted(unsure, reverse=True) and unsure[0] > unsure[-1]
    default, named = (run("predict", tmp_path, *line).stdout for line in ((), ("--error-rate", "0.05")))
    assert default == named and "UNSURE" in run("predict", tmp_path, "--error-rate", "0.01").stdout


def test_an_error_rate_without_verdicts_is_refused(folder, tmp_path):
    done = run("predict", folder, "--error-rate", "0.03")
    assert "for the error rate 0.03: it has 0.01, 0.02, 0.05" in one_sentence(done.exit_code, done.stderr)
    shutil.copy(PRETRAINED / litert.FILE, tmp_path)
    alone = ("predict", folder, "--model", tmp_path / litert.FILE)
    done = run(*alone, "--error-rate", "0.05")
    assert "it has none" in one_sentence(done.exit_code, done.stderr)
    told = [row["verdict"] for row in rows(run(*alone, "--format", "csv").stdout) if not row["error"]]
    expected = load_detector().predict(sorted(folder.rglob("*.jpg")))
    assert sorted(told) == sorted("FAKE" if value >= 0.5 else "REAL" for value in expected)
    done = run("predict", folder, "--error-rate", "0.05", "--threshold", "0.5")
    assert done.exit_code == 2 and "name one of them" in done.stderr


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "nan"])
def test_a_threshold_that_is_no_probability_is_refused(threshold, folder):
    done = run("predict", folder, "--threshold", threshold)
    assert done.exit_code == 2 and "from 0 to 1" in done.stderr and not done.stdout


def test_what_cannot_be_read_is_told_and_the_rest_answered(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.jpg").write_text("no image")
    (tmp_path / "cut.jpg").write_bytes(picture(1, True)[:300])
    Image.new("1", (8_000, 8_000)).save(tmp_path / "enormous.png")
    names = ("empty", "none.jpg", "cut.jpg", "enormous.png", "absent.jpg")
    wrong = [tmp_path / name for name in names]
    output = tmp_path / "answers.csv"
    done = run("predict", wrong[0], folder / "a.jpg", *wrong[1:], "--format", "csv", "--output", output)
    assert done.exit_code == 1 and not done.stdout and "Traceback" not in done.stderr
    errors = {row["path"]: row["error"] for row in rows(output.read_text())}
    assert errors.pop(str(folder / "a.jpg")) == "" and errors.keys() == set(map(str, wrong))
    told = dict(line.split(": ", 1) for line in done.stderr.splitlines())
    assert told.pop("Error") == "5 of 6 could not be answered, for the reasons above."
    reasons = ["holds no image", "not an image", "runcated", "8000 x 8000 pixels are too many", "No such file"]
    assert told.keys() == set(map(str, wrong))
    assert all(reason in told[str(path)] for path, reason in zip(wrong, reasons, strict=True)), told
    assert told == errors


def test_nothing_to_answer_is_status_2_and_writes_nothing(folder, tmp_path):
    for paths in ([folder / "notes.txt"], [tmp_path]):
        done = run("predict", *paths, "--output", tmp_path / "answers")
        assert done.exit_code == 2 and "no image" in done.stderr and not (tmp_path / "answers").exists()
    assert run("predict", "-", input="").exit_code == 2


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "dangling"])
@pytest.mark.parametrize("line", [("predict",), ("explain",), ("export", "--format", "litert"), ("page",)])
def test_an_output_that_is_no_file_is_left_alone(line, kind, folder, tmp_path):
    (tmp_path / "mine").write_text("mine")
    output = tmp_path / "output"
    match kind:
        case "link":
            output.symlink_to("mine")
        case "dangling":
            output.symlink_to("nothing")
        case "pipe":
            os.mkfifo(output)
        case "device" if os.geteuid():
            pytest.skip("only root makes devices")
        case "device":
            os.mknod(output, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    before = output.lstat()
    paths = (folder / "a.jpg",) if line[0] in ("predict", "explain") else ()
    assert str(output) in refused(*line, *paths, "--output", output)
    assert output.lstat() == before and (tmp_path / "mine").read_text() == "mine"


def test_a_dash_is_standard_output(folder):
    assert output_of("predict", folder / "a.jpg", "--output", "-") == output_of("predict", folder / "a.jpg")


def test_a_model_that_is_none_is_one_sentence(folder, tmp_path):
    (tmp_path / "model.keras").write_bytes(b"\x80\x04")
    for model in ("model.keras", "absent", "absent.tflite"):
        done = run("predict", folder, "--model", tmp_path / model)
        assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and str(tmp_path / model) in done.stderr


def test_many_images_are_answered_by_several_processes_as_by_one(folder, tmp_path):
    paths = [folder / name for name in ("a.jpg", "b.jpg", "deeper/c.jpg")] * 200
    detector = load_detector()
    found = [answer for some in predictions.answers(detector, paths) for answer in some]
    assert [answer.path for answer in found] == paths
    assert [answer.probability_fake for answer in found] == pytest.approx(detector.predict(paths), abs=1e-6)


def test_one_process_does_where_others_cannot_share_the_work(folder):
    """Semaphores are files; without room for any, there are none."""
    paths = "\n".join([str(folder / "a.jpg")] * 100)
    limits = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))}
    done = command("predict", "--format", "csv", "-", input=paths, **limits)
    assert (done.returncode, done.stdout.count("a.jpg")) == (0, 100) and "one process does all" in done.stderr


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (32, 31), (48, 48), (500, 63), (64, 64), (2048, 1500)])
def test_the_detector_that_fits_answers_and_neither_is_asked_in_silence_about_a_size_it_does_not_know(size, tmp_path):
    path, pixels = tmp_path / "image.png", np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    path.write_bytes(reading.encode_png(pixels))
    detector, differs = load_detector(), size != (32, 32) and min(size) < 64
    answer, _ = predictions.look(detector, path)
    assert answer.detector == ("native" if min(size) >= 64 else "32 px")
    assert answer.warning.startswith(f"{size[0]}x{size[1]}, resized to the training images' 32x32") == differs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = detector.predict(path)
    assert bool(caught) == differs
    alone = load_detector((PRETRAINED_NATIVE if min(size) >= 64 else PRETRAINED) / litert.FILE)
    assert found == pytest.approx(alone.predict(path), abs=1e-6)
    (row,) = rows(run("predict", path, "--format", "csv").stdout)
    assert row["detector"] == answer.detector and row["verdict"] == alone.limits().verdict(found[0])
    assert detector.verdicts([path], error_rate=0.01) == [alone.limits(0.01).verdict(found[0])]


def test_pictures_of_all_sizes_are_answered_in_their_order():
    sizes = [(32, 32), (80, 100), (80, 100), (32, 32), (600, 90), (40, 40), (32, 32)] * 3
    images = [np.random.default_rng(number).integers(0, 256, (*of, 3), np.uint8) for number, of in enumerate(sizes)]
    detector = load_detector()
    alone = np.concatenate([detector.predict(image) for image in images])
    assert detector.predict(images) == pytest.approx(alone, abs=1e-6) and np.ptp(alone) > 0.01


def test_a_picture_that_is_too_small_for_a_named_detector_is_warned_of(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(noise_png(1, 60))
    native = ("--model", PRETRAINED_NATIVE / litert.FILE)
    (row,) = rows(run("predict", path, *native, "--format", "csv").stdout)
    assert row["warning"].startswith("60x60, of less than 64 pixels a side") and row["verdict"]


WITHOUT = """
import sys
from cifake_keras.cli import main
main(["predict", sys.argv[1]], standalone_mode=False)
heavy = {"tensorflow", "keras", "pandas", "scipy", "sklearn", "matplotlib"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_an_image_is_answered_without_tensorflow(folder):
    done = subprocess.run([sys.executable, "-c", WITHOUT, folder / "a.jpg"], capture_output=True, text=True)
    assert done.returncode == 0 and "a.jpg" in done.stdout, done.stderr


def test_the_public_names_cost_nothing_until_used():
    names = "import sys, cifake_keras; assert {'Detector', 'load_detector'} <= set(dir(cifake_keras))"
    line = (
        f"{names}; assert 'numpy' not in sys.modules; from cifake_keras import Detector; assert 'numpy' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", line]).returncode == 0


def test_explanations_are_a_row_an_image(folder, tmp_path):
    (tmp_path / "large.png").write_bytes(noise_png(1, 100))
    output = tmp_path / "explanation.png"
    done = run("explain", folder / "a.jpg", folder / "notes.txt", tmp_path / "large.png", "--output", output)
    assert done.exit_code == 1 and done.stdout.strip() == str(output) and "notes.txt: not an image" in done.stderr
    with Image.open(output) as image:
        rows = np.split(np.asarray(image.convert("RGB"))[60:], 2)
        panels = [panel for row in rows for panel in np.split(row[:, 16:], 4, axis=1)]
    assert len({panel.tobytes() for panel in panels}) == 8 and min(panel.std() for panel in panels) > 10


def test_too_many_images_for_one_picture_are_refused(folder, tmp_path):
    done = run("explain", *[folder / "a.jpg"] * 51, "--output", tmp_path / "explanation.png")
    assert done.exit_code == 2 and "at most 50" in done.stderr
