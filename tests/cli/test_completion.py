"""Completion on the command line, set up as docs/study.md tells: by Click, in each shell, and without TensorFlow."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest
from click.shell_completion import ShellComplete
from newcomer import ROOT

from cifake_keras import protocol
from cifake_keras.cli import main

SET_UP = dict(re.findall(r"^\| (bash|zsh|fish) \| `([^`]+)` \|", (ROOT / "docs/study.md").read_text(), re.MULTILINE))


def completed(line: str) -> tuple[set[str], set[str]]:
    """What Click answers a shell: the words that the last one of `line` may become, and their types."""
    *words, typed = line.split(" ")
    found = ShellComplete(main, {}, "cifake-keras", "_CIFAKE_KERAS_COMPLETE").get_completions(words, typed)
    return {item.value for item in found}, {item.type for item in found}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("do", {"doctor"}),
        ("run-grid --phase diverse1", {"diverse1000", "diverse1500"}),
        ("examine --condition ", set(protocol.CONDITIONS)),
        ("compare baseline ", set(protocol.CONDITIONS)),
        ("status --classifier bird_lotfi_16x", {"bird_lotfi_16x1", "bird_lotfi_16x2", "bird_lotfi_16x3"}),
        ("data prepare ", {"cifake", "tiny_imagenet", "image_folder", "procedural", "all", "weights"}),
        ("data prepare weights ", set(protocol.WEIGHTS)),
    ],
)
def test_names_are_completed(line, words):
    assert completed(line) == (words, {"plain"})


def test_sources_are_those_that_are_prepared(tmp_path):
    for dataset in ("cifake", "image_folder/sdv15"):
        (tmp_path / dataset).mkdir(parents=True)
    assert completed(f"data verify --data-dir {tmp_path} ")[0] == {"cifake", "image_folder/sdv15"}
    assert completed(f"data verify --data-dir {tmp_path} c")[0] == {"cifake"}


@pytest.mark.parametrize(("line", "kind"), [("predict --model ", "file"), ("export ", "dir"), ("page ", "dir")])
def test_models_are_files_and_folders_which_the_shell_completes_itself(line, kind):
    assert completed(line)[1] == {kind}


def test_completion_imports_no_tensorflow():
    program = (
        "import json, sys; from cifake_keras.cli import main\n"
        "try: main(prog_name='cifake-keras')\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({'tensorflow', 'keras', 'numpy', 'pandas'} & set(sys.modules))))"
    )
    asked = {"_CIFAKE_KERAS_COMPLETE": "bash_complete", "COMP_WORDS": "cifake-keras status --phase ", "COMP_CWORD": "3"}
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True)
    *answers, heavy = done.stdout.splitlines()
    assert "plain,phase1" in answers and json.loads(heavy) == []


# --- In real shells


@pytest.fixture
def home(tmp_path, request) -> dict[str, str]:
    """The environment of a user who has set up completion for a shell."""
    shell = request.param
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    program = tmp_path / "bin" / "cifake-keras"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom cifake_keras.cli import main\nmain()\n")
    program.chmod(0o755)
    (tmp_path / ".config" / "fish" / "completions").mkdir(parents=True)
    (tmp_path / ".zshrc").write_text("autoload -Uz compinit && compinit -u\n")
    environment = {**os.environ, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "TERM": "dumb"}
    environment["XDG_CONFIG_HOME"], environment["XDG_CACHE_HOME"] = str(tmp_path / ".config"), str(tmp_path)
    environment["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-c", SET_UP[shell]], env=environment, cwd=tmp_path, check=True)
    return environment


def in_(*shells: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("home", shells, indirect=True)


@pytest.mark.slow
@in_("bash")
def test_bash(home):
    program = (
        "source ~/.bashrc; COMP_WORDS=(cifake-keras run-grid --phase diverse1) COMP_CWORD=3\n"
        "$(complete -p cifake-keras | sed 's/.*-F \\([^ ]*\\) .*/\\1/') cifake-keras; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "--norc", "-c", program], env=home, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["diverse1000", "diverse1500"]


@pytest.mark.slow
@in_("fish")
def test_fish(home):
    line = ["fish", "-c", "complete --do-complete 'cifake-keras run-grid --phase diverse1'"]
    done = subprocess.run(line, env=home, capture_output=True, text=True, check=True)
    assert [answer.split()[0] for answer in done.stdout.splitlines()] == ["diverse1000", "diverse1500"]


@pytest.mark.slow
@in_("zsh")
def test_zsh(home):
    """In a terminal, as it completes nowhere else."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(home["HOME"])
        os.execvpe("zsh", ["zsh", "-i"], home)
    os.write(terminal, b"cifake-keras compare reconstructions_as_fakes_\t")
    seen = read_until("reconstructions_as_fakes_taef2", terminal)
    os.write(terminal, b"\x03\x04")
    os.close(terminal)
    os.waitpid(process, 0)
    assert "reconstructions_as_fakes_taef2" in seen


def read_until(word: str, terminal: int, patience: float = 120) -> str:
    seen, end = b"", time.monotonic() + patience
    while word.encode() not in seen and select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        seen += os.read(terminal, 4096)
    return seen.decode(errors="replace")
