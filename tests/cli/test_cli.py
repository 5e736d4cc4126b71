"""Commands as people type them: bad input ends in one sentence and exit status 2, and light commands stay light."""

import importlib.util
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from support import (
    bound,
    cifake_members,
    command,
    files_below,
    one_sentence,
    output_of,
    picture,
    refused,
    write_cell,
    write_zip,
)

from cifake_keras import protocol
from cifake_keras.cli import main, options
from cifake_keras.records import cells
from cifake_keras.study.settings import Settings

RUN = ("run-grid", "--phase", "phase1", "--condition", "baseline", "--no-sweep", "--epochs", "1")
RUN += ("--precision", "float32")


@pytest.fixture
def origin(tmp_path) -> Path:
    """CIFAKE's archive, half of it, one with a bad image, a file that is none, and a folder without images."""
    folder = tmp_path / "origin"
    (folder / "empty").mkdir(parents=True)
    write_zip(folder / "cifake.zip", cifake_members(2, 2))
    write_zip(folder / "bad.zip", {"good.jpg": picture(1, False), "text.jpg": b"This is no image."})
    write_zip(folder / "half.zip", {name: b"" for name in cifake_members(2, 2) if name.startswith("train")})
    write_zip(folder / "backslashes.zip", {name.replace("/", "\\"): b"" for name in cifake_members(2, 2)})
    write_zip(folder / "outer.zip", {"inner.zip": (folder / "cifake.zip").read_bytes()})
    write_zip(folder / "train.zip", {"train/": b""})
    (folder / "text.zip").write_text("This is no archive.")
    return folder


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("image_folder", "--generator", "X"), "image_folder/x is not fetched: give the place of its folder or zip"),
        (("cifake", "--from", "nowhere.zip"), "nowhere.zip' does not exist"),
        (("cifake", "--from", "text.zip"), "text.zip is not a readable zip archive"),
        (("cifake", "--from", "empty"), "no images in train/REAL, train/FAKE, test/REAL, test/FAKE"),
        (("cifake", "--from", "half.zip"), "is not CIFAKE as Kaggle has it: no images in test/REAL, test/FAKE"),
        (
            ("cifake", "--from", "train.zip"),
            "give Kaggle's archive.zip, or the folder with its train and test",
        ),
        (("cifake", "--from", "backslashes.zip"), "unpack it and give the folder, as it has backslashes"),
        (("cifake", "--from", "outer.zip"), "give what is in it with --from: inner.zip"),
        (("tiny_imagenet", "--from", "cifake.zip"), "is not tiny-imagenet-200"),
        (("image_folder", "--generator", "X", "--from", "outer.zip"), "give what is in it with --from: inner.zip"),
        (("image_folder", "--generator", "X", "--from", "cifake.zip"), "photographs (REAL) beside fakes (FAKE)"),
        (("image_folder", "--generator", "X", "--from", "empty"), "holds no images"),
        (("image_folder", "--from", "cifake.zip"), "give --generator NAME (fakes) or --photographs NAME"),
        (("image_folder", "--generator", "X", "--photographs", "Y", "--from", "empty"), "holds one class"),
        (("image_folder", "--generator", "X", "--from", "bad.zip", "--strict"), "bad.zip: text.jpg: not an image"),
        (("image_folder", "--generator", "???", "--from", "cifake.zip"), "give another name"),
        (("tiny_imagenet", "--kaggle"), "--kaggle goes with cifake alone"),
        (("cifake", "--kaggle", "--from", "cifake.zip"), "not with --from or --mirror"),
        (("cifake", "--kaggle", "--mirror", "http://localhost"), "not with --from or --mirror"),
        (("cifar", "--from", "cifake.zip"), "'cifar' is not one of 'cifake'"),
        (("all",), "name the folder of the archives with --from"),
        (("all", "--from", "nowhere"), "nowhere' does not exist"),
        (("all", "--from", "cifake.zip"), "cifake.zip is not a folder"),
        (("all", "--from", "empty"), "empty holds none of archive.zip, tiny-imagenet-200.zip, sd-v1-5.zip"),
    ],
)
def test_sources_that_cannot_be_prepared(origin, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(origin)
    assert message in refused("data", "prepare", *arguments, "--data-dir", tmp_path / "data")
    assert files_below(tmp_path / "data") == []


@pytest.mark.skipif(importlib.util.find_spec("apache_beam") is not None, reason="Apache Beam is installed")
def test_beam_is_asked_for_and_not_there(origin, tmp_path):
    message = refused(
        "data", "prepare", "cifake", "--from", origin / "cifake.zip", "--beam", "x", "--data-dir", tmp_path
    )
    assert "pip install 'cifake-keras[beam]'" in message


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--kernel", "cubic"), "'cubic' is not one of 'bilinear'"),
        (("--preset", "full"), "'full' is not one of 'paper'"),
        (("--phase", "phase3"), "'phase3' is not one of 'phase1'"),
        (("--condition", "blurred"), "'blurred' is not one of"),
        (("--classifier", "papers"), "there is no 'papers'; the nearest are paper, "),
        (("--seeds", "0"), "0 is not in the range"),
        (("--scale", "0"), "0.0 is not in the range"),
        (("--reading", "literal"), "'literal' is not one of 'chosen'"),
        (("--data-dir", "text.zip"), "'text.zip' is a file"),
        (("--sources", "all"), "No such option"),
    ],
)
def test_options_outside_their_choices(origin, monkeypatch, arguments, message):
    monkeypatch.chdir(origin)
    assert message in refused("run-grid", *arguments)
    assert not (origin / "results").exists()


def test_a_pattern_stands_for_the_classifiers_that_it_matches():
    chosen = []

    @click.command()
    @options.selection
    def keep(wanted):
        chosen.extend(cell.classifier for cell in wanted)

    given = ["--phase", "phase1", "--condition", "baseline", "--classifier", "bird_lotfi_1?x*", "--classifier", "paper"]
    assert CliRunner().invoke(keep, given).exit_code == 0
    assert chosen == ["paper", "bird_lotfi_16x1", "bird_lotfi_16x2", "bird_lotfi_16x3"]


def test_options_of_the_grid_are_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val_real_filenames.csv").write_text("1.jpg\n")
    (tmp_path / "val_fake_filenames.csv").write_text("2.jpg\n")
    given = ["--preset", "demo", "--recipe", "fast", "--no-sweep", "--epochs", "2", "--kernel", "box"]
    given += ["--precision", "bfloat16", "--strategy", "mirrored", "--tensorboard", "--force", "--scale", "0.1"]
    given += ["--reading", "linear_latent", "--data-dir", "d", "--results-dir", "r", "--saved-models-dir", "s"]
    settings = []

    @click.command()
    @options.settings
    def keep(wanted, **others):
        settings.append(others["settings"])

    assert CliRunner().invoke(keep, [*given, "--validation-files", "."]).exit_code == 0
    folders = (tmp_path / name for name in "drs")
    lists = frozenset({"REAL/1.jpg", "FAKE/2.jpg"})
    expected = ("fast", False, 2, "box", "bfloat16", "mirrored", True, True, lists, 0.1, "linear_latent")
    assert settings == [Settings("demo", *folders, *expected)]
    assert CliRunner().invoke(keep, []).exit_code == 0
    assert (settings[1].scale, settings[1].reading, settings[1].precision) == (1.0, "chosen", "auto")


def test_missing_images_are_named_with_how_to_get_them(data_dir, tmp_path):
    nothing = ("--data-dir", tmp_path / "nothing", "--results-dir", tmp_path / "results")
    assert "cifake-keras data list" in refused(*RUN, *nothing)
    few = ("--preset", "paper", "--data-dir", data_dir, "--results-dir", tmp_path / "results")
    message = refused(*RUN, *few)
    assert (
        "CIFAKE REAL: 60,000 wanted, 140 there" in message and "data prepare image_folder --generator IFv1" in message
    )
    assert "val_real_filenames.csv is not there" in refused(*RUN, *few, "--validation-files", tmp_path)
    assert files_below(tmp_path) == []


def test_results_of_another_configuration_are_refused_and_kept(data_dir, tmp_path):
    folder = cells.Cell("phase1", "baseline", "paper", 1).folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / cells.METRICS).write_text("{}")
    (folder / cells.CONFIG).write_text('{"condition": "baseline", "kernel": "nearest"}')
    folders = ("--data-dir", data_dir, "--results-dir", tmp_path, "--saved-models-dir", tmp_path)
    message = refused(*RUN, *folders)
    assert "made with other settings" in message and "kernel is nearest there, bilinear now" in message
    (folder / cells.CONFIG).write_text('{"kernel"')
    assert "config.json is damaged" in refused(*RUN, *folders)
    assert {path.name for path in files_below(tmp_path)} == {cells.METRICS, cells.CONFIG}


def test_the_baseline_of_the_repository_is_not_replaced(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    message = refused(*RUN, "--data-dir", data_dir, "--results-dir", tmp_path)
    assert "saved_models/phase1/baseline was not made from" in message and not files_below(tmp_path)


def test_tables_of_nothing(tmp_path):
    assert "no finished cell" in refused("tables", "--results-dir", tmp_path)
    write_cell(tmp_path).write_text("[")
    assert "metrics.json is damaged" in refused("tables", "--results-dir", tmp_path)
    assert len(files_below(tmp_path)) == 1


# --- Disks


@pytest.fixture
def disk(tmp_path) -> Path:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, left: int) -> None:
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - left))


def test_images_on_a_full_disk(disk, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 256, (256, 256, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.png")
    prepare = ("data", "prepare", "image_folder", "--generator", "SDv1.5", "--from", tmp_path / "images")
    assert refused(*prepare, "--data-dir", disk).startswith("No space left on device")
    assert files_below(disk) == []


def test_arrays_on_a_full_disk(data_dir, disk):
    """In a process of its own, which a memory map would end with SIGBUS."""
    shutil.copytree(data_dir / "cifake", disk / "cifake", ignore=shutil.ignore_patterns("32-*"))
    fill(disk, 200_000)
    before = files_below(disk)
    program = (
        "import sys; from pathlib import Path; from cifake_keras.sources import prepared\n"
        "try: prepared.load(Path(sys.argv[1]), 'cifake', 'bilinear')\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", program, disk], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "No space left on device")
    assert files_below(disk) == before


@pytest.mark.slow
def test_results_on_a_full_disk(data_dir, disk, tmp_path):
    """The classifier's weights alone are 8 MB."""
    folders = ("--data-dir", data_dir, "--results-dir", disk, "--saved-models-dir", tmp_path / "saved_models")
    assert "No space left on device" in refused(*RUN, *folders)
    (folder,) = disk.rglob("seed-1")
    assert {path.name for path in folder.iterdir()} == {cells.CONFIG, "log.txt"}, "no half of a file"
    assert cells.state(folder) == cells.UNFINISHED


def test_read_only_disk(data_dir, origin, disk):
    write_cell(disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    read_only = "Read-only file system"
    prepare = ("data", "prepare", "cifake", "--from", origin / "cifake.zip", "--data-dir", disk / "data")
    assert read_only in refused(*prepare)
    assert read_only in refused("tables", "--results-dir", disk)
    folders = ("--results-dir", disk / "results", "--saved-models-dir", disk / "saved_models")
    assert read_only in refused(*RUN, "--data-dir", data_dir, *folders)


def test_read_only_data_folder(origin, tmp_path):
    """What is prepared can be used; what is not cannot be prepared, and the folder is named."""
    data_dir = tmp_path / "data"
    prepare = ("data", "prepare", "cifake", "--data-dir", data_dir, "--from", origin / "cifake.zip")
    output_of(*prepare)
    folders = [data_dir, *(path for path in data_dir.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    again = command(*prepare, preexec_fn=bound)
    assert again.returncode == 0 and "8 images" in again.stderr and "already" in again.stderr
    assert command("data", "verify", "--data-dir", data_dir, preexec_fn=bound).returncode == 0
    other = ("--generator", "X", "--from", origin / "bad.zip", "--data-dir", data_dir)
    done = command("data", "prepare", "image_folder", *other, preexec_fn=bound)
    assert f"{data_dir / 'image_folder'}" in one_sentence(done.returncode, done.stderr)
    assert "Permission denied" in done.stderr
    for folder in folders:
        folder.chmod(0o755)


def test_what_is_not_the_disks_fault_is_not_dressed_up(monkeypatch, tmp_path):
    """A mistake of the program itself stays a traceback."""
    monkeypatch.setattr("cifake_keras.sources.prepared.available", lambda _: 1 / 0)
    result = CliRunner().invoke(main, ["data", "list", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1 and isinstance(result.exception, ZeroDivisionError)


# --- What light commands show, and what they leave alone


def test_light_commands_import_no_tensorflow(data_dir, tmp_path):
    write_cell(tmp_path)
    lines = ["--help", "run-grid --help", "data prepare --help", f"data list --data-dir {data_dir}"]
    lines += [f"{name} --results-dir {tmp_path}" for name in ("tables", "status", "run-grid --dry-run")]
    program = (
        "import json, sys; from click.testing import CliRunner; from cifake_keras.cli import main\n"
        "results = [CliRunner().invoke(main, line.split()) for line in sys.argv[1:]]\n"
        "heavy = sorted({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules))\n"
        "print(json.dumps([heavy, [result.exit_code for result in results]]))"
    )
    done = subprocess.run([sys.executable, "-c", program, *lines], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], [0] * len(lines)]


def listed(data_dir: Path, columns: int = 80) -> tuple[dict[str, str], list[str]]:
    """The table by source, and the lines below it."""
    result = CliRunner().invoke(main, ["data", "list", "--data-dir", str(data_dir)], env={"COLUMNS": str(columns)})
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert result.exit_code == 0 and max(map(len, lines)) <= columns and "…" not in result.output
    rows, source = {}, ""
    for line in lines[: lines.index("")]:
        source = source if line.startswith(" ") else line.split()[0]
        rows[source] = f"{rows.get(source, '')} {' '.join(line.split())}".strip()
    return rows, lines[lines.index("") :]


@pytest.mark.parametrize("columns", [80, 100])
def test_list_says_what_there_is_and_what_for(data_dir, columns):
    rows, _ = listed(data_dir, columns)
    used = "Phase 1: test SDv1.5 Phase 2: train, test In-sample"
    assert rows["SDv1.5"] == f"SDv1.5 20 of 22,500 1 MB incomplete {used}"
    assert rows["CIFAKE"].startswith("CIFAKE 280 of 120,000 ") and "Phase 1: train, test CIFAKE" in rows["CIFAKE"]
    assert rows["CogView2"] == "CogView2 0 of 1,000 absent Phase 2: test CogView2"
    assert rows["procedural"].endswith("absent the demo (7 recipes)")


def test_list_tells_of_each_source_its_licence_and_how_to_get_it(data_dir):
    _, below = listed(data_dir)
    assert below[below.index("licence: MIT") + 1] == "cifake-keras data prepare cifake"
    commands = list(dict.fromkeys(source.command for source in protocol.SOURCES.values()))
    commands += [f"cifake-keras data prepare weights {name}" for name in protocol.WEIGHTS]
    assert [line for line in below if line.startswith("cifake-keras ")] == commands


def test_list_knows_what_is_whole_and_what_was_cut_off(tmp_path):
    versions = {"image_folder/sdv21": "1000", "image_folder/mine": "12"}
    for dataset, images in versions.items():
        version = tmp_path / dataset / "1.0.0"
        version.mkdir(parents=True)
        (version / "dataset_info.json").write_text(json.dumps({"splits": [{"shardLengths": [images]}]}))
    (tmp_path / "cifake" / "incomplete.AB12CD_1.0.0").mkdir(parents=True)
    (tmp_path / "downloads" / "cogview2-22K.parts").mkdir(parents=True)
    (tmp_path / "downloads" / "tiny-imagenet-200.zip.part").touch()
    rows, _ = listed(tmp_path)
    states = {source: row.partition("MB")[2].split()[0] for source, row in rows.items() if "MB" in row}
    assert states == {"SDv2.1": "ready", "image_folder/mine": "ready"}
    assert "no phase of the paper" in rows["image_folder/mine"]
    for source in ("CIFAKE", "ImageNet", "CogView2"):
        assert " incomplete Phase" in rows[source]
    assert " absent " in rows["IFv1"] and " absent " in rows["SDv1.5"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is damaged"), *((text, "is not as it was prepared") for text in ("{}", "[]", "null"))],
)
def test_list_names_what_is_damaged(text, problem, tmp_path):
    version = tmp_path / "image_folder" / "mine" / "1.0.0"
    version.mkdir(parents=True)
    (version / "dataset_info.json").write_text(text)
    assert problem in refused("data", "list", "--data-dir", tmp_path)


def test_a_machine_that_starts_no_more_threads_is_not_told_as_ctrl_c(tmp_path):
    """OpenBLAS sends SIGINT then. A thread whose stack has no room cannot be started either."""
    stack = 2**46, resource.RLIM_INFINITY
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_STACK, stack)}
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = command("tables", "--results-dir", tmp_path, env=environment, **limited)
    assert "starts no more threads" in one_sentence(done.returncode, done.stderr) and "Interrupted" not in done.stderr


def test_status_counts_cells(tmp_path):
    write_cell(tmp_path)
    result = CliRunner().invoke(main, ["status", "--phase", "phase1", "--results-dir", str(tmp_path)])
    lines = result.output.splitlines()
    assert len(lines) == len(protocol.PAPER_CONDITIONS) + 2, "the autoencoder is to be done too"
    assert lines[-1] == "1 done, 0 running, 0 failed, 0 unfinished, 4 to do; about 0:00:06 left"
    assert lines[0].split() == ["done", "phase1", "baseline", "paper", "seed", "1"]


def test_grid_commands_repeat_what_they_were_given():
    given = ("--no-sweep", "--epochs", "2", "--results-dir", "of two words")
    lines = output_of(
        "grid-commands", "--phase", "phase2", "--condition", "perturbed", "--seed", 3, "--seed", 5, *given
    )
    chosen = ["--phase", "phase2", "--condition", "perturbed", "--classifier", "paper"]
    for line, seed in zip(lines.splitlines(), "35", strict=True):
        words = shlex.split(line)
        assert words[:10] == ["cifake-keras", "run-grid", *chosen, "--seed", seed]
        assert sorted(words[10:]) == sorted(given)
