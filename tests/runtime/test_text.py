"""What others wrote reaches a terminal as text alone."""

import pytest
from click.testing import CliRunner
from support import noise_png, write_zip

from cifake_keras.cli import main
from cifake_keras.runtime import progress
from cifake_keras.runtime.text import printable

ESCAPE = "\x1b]0;owned\x07\x1b[2J"


def test_letters_of_all_scripts_stay_and_what_moves_a_cursor_goes():
    assert printable("grün, Ελλάδα, 日本 :dog: [red]") == "grün, Ελλάδα, 日本 :dog: [red]"
    replaced = printable(f"a{ESCAPE}b\r\u202ec\ud800\n")
    assert replaced.isprintable() and replaced.startswith("a") and len(replaced) == len(f"a{ESCAPE}b\r\u202ec\ud800\n")
    assert printable("two\nlines", lines=True) == "two\nlines"


def output_of(*arguments) -> str:
    return CliRunner().invoke(main, list(map(str, arguments))).output


def test_no_name_of_a_file_writes_to_the_terminal(tmp_path):
    for arguments in (
        ("predict", f"{ESCAPE}.png"),
        ("predict", "--model", f"{ESCAPE}.tflite", "x.png"),
        ("tables", "--results-dir", tmp_path / ESCAPE),
        ("data", "list", "--data-dir", tmp_path / ESCAPE),
    ):
        assert not set(ESCAPE) & {"\x1b", "\x07"} & set(output_of(*arguments)), arguments


def test_no_name_in_an_archive_writes_to_the_terminal(tmp_path, capfd):
    archive = write_zip(tmp_path / "a.zip", {f"{ESCAPE}x.png": b"no image", "y.png": noise_png(1)})
    line = ("data", "prepare", "image_folder", "--photographs", "mine", "--from", archive)
    shown = output_of(*line, "--data-dir", tmp_path / "data") + "".join(capfd.readouterr())
    assert "refused" in shown and "\x1b" not in shown and "\x07" not in shown


@pytest.mark.parametrize("name", [":dog:.png", "[red]x.png", "[/].png"])
def test_a_name_is_no_markup(name, capfd):
    progress.say(f"refused {name}")
    assert f"refused {name}\n" in capfd.readouterr().err
