"""The help of every command ends with examples, which parse."""

import shlex

import click
import pytest
from support import run

from cifake_keras.cli import main


def leaves(command: click.Command, *names: str) -> list[tuple[str, ...]]:
    """The names of each command that does something."""
    if isinstance(command, click.Group):
        return [leaf for name, each in command.commands.items() for leaf in leaves(each, *names, name)]
    return [names]


COMMANDS = [(), *leaves(main)]


def examples(*names: str) -> list[str]:
    """As they stand in the help."""
    return run(*names, "--help").output.partition("\n  Examples:\n")[2].splitlines()


@pytest.fixture
def given(tmp_path, monkeypatch):
    """What the examples take for given."""
    for folder in ("archives", "images", "pictures", "saved_models/phase1/baseline"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "photograph.jpg").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_the_help_has_examples_that_parse(names, given):
    assert 1 <= len(examples(*names)) <= 3
    for example in examples(*names):
        program, *words = shlex.split(example)
        assert program == "cifake-keras" and tuple(words[: len(names)]) == names
        parse(words)


def parse(words: list[str]) -> None:
    """Raises a ClickException where a command does not take what is left after its names."""
    command: click.Command = main
    while isinstance(command, click.Group):
        command, *words = command.commands[words[0]], *words[1:]
    command.make_context(command.name, words)
