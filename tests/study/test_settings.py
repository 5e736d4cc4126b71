"""Where hyper-parameters come from."""

from pathlib import Path

import pytest

from cifake_keras import protocol
from cifake_keras.protocol import Classifier, Hyperparameters
from cifake_keras.study.settings import Settings


@pytest.mark.parametrize(
    ("options", "selection", "expected"),
    [
        ({}, "sweep", (1e-3, 5, 3)),
        ({"swept": False}, "fixed", (1e-3, 5, 3)),
        ({"recipe": "fast"}, "fast", (2e-3, 3, 3)),
        ({"recipe": "fast", "swept": False}, "fast", (2e-3, 3, 3)),
    ],
)
def test_recipe_and_sweep_decide_the_selection(options, selection, expected):
    settings = Settings("available", Path(), Path(), Path(), **options)
    assert settings.selection == selection
    rate, *epochs = expected
    for condition, expected_epochs in zip(("perturbed", "autoencoded"), epochs, strict=True):
        hyperparameters = settings.hyperparameters("paper", condition)
        assert (hyperparameters.learning_rate, hyperparameters.epochs) == (rate, expected_epochs)


def test_epochs_replace_the_recipes():
    settings = Settings("available", Path(), Path(), Path(), recipe="fast", epochs=7)
    assert settings.hyperparameters("paper", "baseline").epochs == 7


def test_the_demo_has_its_own_hyperparameters_for_autoencoder_and_classifiers():
    settings = Settings("demo", Path(), Path(), reading="linear_latent", swept=False)
    assert settings.hyperparameters("paper", "autoencoded") == protocol.DEMO
    autoencoder = settings.condition("perturbed_autoencoded").steps[1]
    assert autoencoder.training.hyperparameters == protocol.DEMO and autoencoder.settings.latent is None
    assert autoencoder.training.steps == protocol.AUTOENCODER.training.steps
    assert settings.candidates("paper", "autoencoded") == protocol.CONDITIONS["autoencoded"].candidates


def test_a_classifier_may_have_candidates_of_its_own(monkeypatch):
    own = (Hyperparameters(0.5, 0.0, epochs=9),)
    monkeypatch.setitem(protocol.CLASSIFIERS, "small", Classifier("small", "a small one", own))
    settings = Settings("available", Path(), Path())
    assert settings.candidates("small", "autoencoded") == own
    assert settings.candidates("paper", "autoencoded") == protocol.CONDITIONS["autoencoded"].candidates
    assert settings.hyperparameters("small", "autoencoded").epochs == 9


def test_a_reading_replaces_steps_by_their_names():
    settings = Settings("available", Path(), Path(), reading="linear_latent")
    perturbation, autoencoder = settings.condition("perturbed_autoencoded").steps
    assert perturbation == protocol.PERTURBATION and autoencoder.settings.latent is None
    assert settings.condition("perturbed") == protocol.CONDITIONS["perturbed"]
