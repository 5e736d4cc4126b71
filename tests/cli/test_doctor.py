"""What `cifake-keras doctor` finds, and what it tells to do about it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import run

from cifake_keras import protocol
from cifake_keras.detector import PRETRAINED
from cifake_keras.runtime import gpus

# What the doctor asks TensorFlow for, whose import takes seconds.
TENSORFLOW = """
class gpu: name = "/physical_device:GPU:0"
class config:
    def list_physical_devices(kind): return [gpu]
    class experimental:
        def get_device_details(gpu): return {"device_name": "Abacus"}
class test:
    def is_built_with_cuda(): return True
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where the doctor looks; its `packages` come before those that are installed."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "tensorflow.py").write_text(TENSORFLOW)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages), *filter(None, sys.path)]))
    return tmp_path


def doctor(folder: Path) -> tuple[int, dict[tuple[str, str], dict]]:
    """Its exit status, and the checks by part and name."""
    places = ("--data-dir", folder / "data", "--saved-models-dir", folder / "saved_models")
    result = run("doctor", "--json", *places, catch_exceptions=False)
    told = json.loads(result.output)
    assert told["broken"] == bool(result.exit_code)
    return result.exit_code, {(check["part"], check["name"]): check for check in told["checks"]}


def info(folder: Path, dataset: str, text: str) -> None:
    version = folder / "data" / dataset / "1.0.0"
    version.mkdir(parents=True)
    (version / "dataset_info.json").write_text(text)


def package(folder: Path, name: str, version: str, *lines: str) -> None:
    """What pip writes of a package that it installs."""
    written = folder / "packages" / f"{name}-{version}.dist-info" / "METADATA"
    written.parent.mkdir()
    written.write_text("\n".join([f"Name: {name}", f"Version: {version}", *lines]) + "\n")


def test_what_is_absent_is_no_fault_and_comes_with_a_command(folder):
    info(folder, "image_folder/sdv21", json.dumps({"splits": [{"shardLengths": ["1000"]}]}))
    info(folder, "cifake", json.dumps({"splits": [{"shardLengths": ["7"]}]}))
    status, checks = doctor(folder)
    assert status == 0
    assert checks["data", "SDv2.1"]["state"] == "ready" and not checks["data", "SDv2.1"]["remedy"]
    cifake = checks["data", "CIFAKE"]
    assert (cifake["state"], cifake["details"]) == ("incomplete", "7 of 120,000 images")
    assert cifake["remedy"] == "cifake-keras data prepare cifake"
    absent = checks["weights", "taef2"]
    assert (absent["state"], absent["remedy"]) == ("absent", "cifake-keras data prepare weights taef2")
    assert {name for part, name in checks if part == "weights"} == set(protocol.WEIGHTS)
    assert {checks["models", f"the package's own, {of}"]["state"] for of in ("32 px", "native")} == {"ready"}
    assert checks["TensorFlow", "GPU"]["details"] == "Abacus"
    assert {"processor", "memory", "disk"} == {name for part, name in checks if part == "machine"}


def test_what_is_damaged_is_broken(folder):
    info(folder, "cifake", "{")
    model = folder / "saved_models" / "phase1" / "baseline"
    shutil.copytree(PRETRAINED, model)
    (model / "saved_model.pb").write_bytes(b"")
    (folder / "saved_models" / "phase1" / "perturbed").mkdir()
    (folder / "saved_models" / "phase1" / "perturbed" / "saved_model.pb").touch()
    weights = folder / "data" / "weights"
    weights.mkdir()
    for name in ("taef2.weights.h5", "taef2.json"):
        (weights / name).write_text("{}")
    (folder / "packages" / "tensorflow.py").write_text("raise ImportError('libcudart.so.12 is not there')")
    status, checks = doctor(folder)
    broken = {place: check["details"] for place, check in checks.items() if check["state"] == "broken"}
    assert status == 1
    places = [("data", "all"), ("TensorFlow", "import"), ("weights", "taef2")]
    places += [("models", "phase1/baseline"), ("models", "phase1/perturbed")]
    assert sorted(broken) == sorted(places)
    assert "libcudart.so.12 is not there" in broken["TensorFlow", "import"]
    assert "dataset_info.json is damaged" in broken["data", "all"]
    assert checks["models", "phase1/baseline"]["remedy"] == "cifake-keras run-grid --phase phase1 --condition baseline"


def test_packages_are_held_against_the_metadata(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder / "packages")
    needed = ["click>=8.1,<9", "no-such-package>=1", "numpy>=1", "rich>=1; python_version < '3'"]
    extras = ["whole; extra == 'small'", "whole[parts]; extra == 'big'"]
    package(folder, "click", "7.0")
    package(folder, "whole", "1.0", "Provides-Extra: parts", "Requires-Dist: part; extra == 'parts'")
    lines = [*(f"Requires-Dist: {of}" for of in needed + extras), "Provides-Extra: small", "Provides-Extra: big"]
    package(folder, "cifake_keras", "0.1.0", "Requires-Python: >=99", *lines)
    status, checks = doctor(folder)
    assert status == 1
    found = {name: (check["state"], check["remedy"]) for (part, name), check in checks.items() if part == "packages"}
    assert found == {
        "cifake-keras": ("ready", ""),
        "python": ("broken", ""),
        "click": ("broken", "pip install 'click<9,>=8.1'"),
        "no-such-package": ("broken", "pip install 'no-such-package>=1'"),
    }
    assert checks["packages", "click"]["details"] == "click is 7.0, <9,>=8.1 is asked for"
    assert checks["extras", "small"]["state"] == "ready"
    big = checks["extras", "big"]
    assert (big["state"], big["details"]) == ("absent", "part is not installed")
    assert big["remedy"] == "pip install 'cifake-keras[big]'"


@pytest.mark.parametrize(
    ("cuda", "log", "reason", "remedy"),
    [
        (False, "", "not made for CUDA", ""),
        (True, "cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will", "no driver", ""),
        (True, "gpu_device.cc:2342] Cannot dlopen some GPU libraries. Please", "libraries of CUDA", "[gpu]"),
        (True, "", "does not say why", "nvidia-smi"),
    ],
)
def test_why_there_is_no_gpu(cuda, log, reason, remedy, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    check = gpus.gpu(cuda, [], log)
    assert check.state == "absent" and reason in check.details and remedy in check.remedy
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not cuda or gpus.gpu(cuda, [], log).remedy == "unset CUDA_VISIBLE_DEVICES"


def test_a_table_on_a_terminal_and_a_line_each_elsewhere(folder):
    places = ("--data-dir", folder / "data", "--saved-models-dir", folder / "saved_models")
    plain = run("doctor", *places).output.splitlines()
    assert "absent     data: CIFAKE: 0 of 120,000 images; cifake-keras data prepare cifake" in plain
    table = run("doctor", *places, env={"FORCE_COLOR": "1", "COLUMNS": "150"}).output
    assert "what to do" in table and "cifake-keras data prepare weights taef2" in table


def test_it_imports_no_tensorflow_itself(folder):
    program = (
        "import sys; from cifake_keras.cli import main\n"
        "try: main(['doctor'])\n"
        "except SystemExit as end: print(end.code, {'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()", done.stdout
