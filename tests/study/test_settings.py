"""Where hyper-parameters come from."""

from pathlib import Path

import pytest

from cifake_keras import protocol
from cifake_keras.study.settings import Settings


@pytest.mark.parametrize(
    ("options", "selection", "expected"),
    [
        ({}, "sweep", protocol.FIXED),
        ({"swept": False}, "fixed", protocol.FIXED),
        ({"recipe": "fast"}, "fast", protocol.FAST),
        ({"recipe": "fast", "swept": False}, "fast", protocol.FAST),
    ],
)
def test_recipe_and_sweep_decide_the_selection(options, selection, expected):
    settings = Settings("demo", Path(), Path(), Path(), **options)
    assert settings.selection == selection
    assert {name: settings.hyperparameters(name) for name in protocol.CONDITIONS} == expected


def test_epochs_replace_the_recipes():
    settings = Settings("demo", Path(), Path(), Path(), recipe="fast", epochs=7)
    assert settings.hyperparameters("baseline").epochs == 7
