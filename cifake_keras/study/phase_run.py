"""What the tasks of a phase share: its images, its autoencoder, its part of every configuration."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property

import keras
import pandas as pd

from cifake_keras import models, protocol
from cifake_keras.conditions import reconstructions
from cifake_keras.protocol import Condition, Hyperparameters
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet, PhaseImages
from cifake_keras.study.settings import Settings
from cifake_keras.training import fitting
from cifake_keras.training.fitting import Session


class PhaseRun:
    """A phase under the settings of a run. data: its images. config: what all its tasks record."""

    def __init__(self, name: str, settings: Settings):
        self.settings = settings
        self.phase = protocol.phases(settings.preset)[name]
        self.data: PhaseImages = composition.compose(
            self.phase, settings.preset, settings.data_dir, settings.kernel, settings.validation_files
        )
        self.config = {
            "preset": settings.preset,
            "phase": name,
            "kernel": settings.kernel,
            "precision": settings.precision,
            "validation_files": composition.digest(settings.validation_files),
            "data": self.data.data,
            "autoencoder": asdict(protocol.AUTOENCODER),
        }

    def introduce(self) -> None:
        train, validation = len(self.data.train), len(self.data.validation)
        say(f"{self.phase.title}: {train:,} training images, {validation:,} for validation")
        for test in self.phase.tests:
            if images := self.data.tests.get(test.name):
                say(f"  test {test.title}: {images.count(0):,} real, {images.count(1):,} fake")
            else:
                say(f"  test {test.title}: left out, there are no images of it")
        for split, count in self.data.shared.items():
            if count:
                say(f"  {count:,} images of {split} are in the training set too, as the official split has them")

    def config_of(self, cell: Cell) -> dict:
        """What a cell shares with the others of its condition and classifier."""
        config = {**self.config, "condition": cell.condition, "classifier": cell.classifier}
        return config if protocol.CONDITIONS[cell.condition].autoencoded else {**config, "autoencoder": None}

    def candidates(self, cell: Cell) -> tuple[Hyperparameters, ...]:
        return tuple(map(self.settings.epochs_of, protocol.SWEEPS[cell.condition]))

    @cached_property
    def autoencoder(self) -> keras.Sequential:
        """The phase's, float32; its task must be done."""
        network, folder = models.autoencoder(), cells.autoencoder_folder(self.settings.results_dir, self.phase.name)
        cells.check_weights(folder)
        network.load_weights(folder / cells.WEIGHTS)
        return network

    def autoencoder_of(self, condition: Condition) -> keras.Sequential | None:
        return self.autoencoder if condition.autoencoded else None

    def train(
        self, cell: Cell, candidates: Sequence[Hyperparameters], seed: int, session: Session
    ) -> list[tuple[keras.Sequential, pd.DataFrame]]:
        """A network and its history for each candidate; see fitting.train_classifiers."""
        condition = protocol.CONDITIONS[cell.condition]
        unchanging = condition.autoencoded and not condition.perturbed
        train, validation = self._reconstructed if unchanging else (self.data.train, self.data.validation)
        autoencoder = self.autoencoder_of(condition)
        return fitting.train_classifiers(
            train, validation, condition, cell.classifier, autoencoder, candidates, seed, session
        )

    @cached_property
    def _reconstructed(self) -> tuple[ImageSet, ...]:
        folder, policy = self.settings.data_dir / "reconstructions", fitting.policy(self.settings.precision)
        sets = self.data.train, self.data.validation
        return tuple(reconstructions.reconstructed(images, self.autoencoder, policy, folder) for images in sets)
