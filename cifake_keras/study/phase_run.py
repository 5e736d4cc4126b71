"""What the tasks of a phase share: its images, the networks of its steps, its part of every configuration."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cifake_keras import models
from cifake_keras.conditions import mixture, path, reconstructions, weights
from cifake_keras.protocol import (
    MATCHED,
    TRAIN,
    VALIDATION,
    Condition,
    Hyperparameters,
    Step,
    Steps,
    end_in_features,
    kept,
    seen_by,
    to_last_network,
)
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet, PhaseImages
from cifake_keras.study.settings import Settings
from cifake_keras.training import classifiers, heads
from cifake_keras.training.fitting import Session
from cifake_keras.training.precision import policy


class PhaseRun:
    """A phase under the settings of a run. data: its images. config: what all its tasks record."""

    def __init__(self, name: str, settings: Settings):
        self.settings, self.phase = settings, settings.phase(name)
        self.data: PhaseImages = composition.compose(
            self.phase, settings.preset, settings.data_dir, settings.kernel, settings.validation_files
        )
        self.config = {
            "preset": settings.preset,
            "phase": name,
            "kernel": settings.kernel,
            "precision": settings.precision,
            "validation_files": composition.digest(settings.validation_files),
            "scale": settings.scale,
            "reading": settings.reading,
            "data": self.data.data,
        }
        self._networks: dict[Step, keras.Model] = {}
        self._kept: dict[tuple[str, Steps], ImageSet] = {}

    def introduce(self) -> None:
        """Says how many images there are."""
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
        return {**self.config, "classifier": cell.classifier, **self.condition(cell).described()}

    def condition(self, cell: Cell) -> Condition:
        """With all steps to the cell's classifier."""
        return seen_by(cell.classifier, self.settings.condition(cell.condition)).seeded(cell.seed)

    def candidates(self, cell: Cell) -> tuple[Hyperparameters, ...]:
        return self.settings.candidates(cell.classifier, cell.condition)

    def networks(self, steps: Steps) -> path.Networks:
        """Those of `steps`, float32; the tasks of those that are trained must be done."""
        return {step.name: self._network(step) for step in steps if step.network}

    def step_folder(self, step: Step) -> Path:
        """Of a step that the study fits, as a cell has it."""
        return cells.step_folder(self.settings.results_dir, self.phase.name, step.name, step.seed)

    def require_weights(self, cell: Cell) -> None:
        """Raises UserError where those that networks of its steps come with are not prepared."""
        for step in self.condition(cell).needed:
            if step.weights:
                weights.prepared(step.weights, self.settings.data_dir)

    def _network(self, step: Step) -> keras.Model:
        if step not in self._networks:
            network = path.build(step)
            if step.training:
                folder = self.step_folder(step)
                cells.check_digests(folder)
                network.load_weights(folder / cells.WEIGHTS)
            if step.weights:
                network.load_weights(weights.prepared(step.weights, self.settings.data_dir))
            self._networks[step] = network
        return self._networks[step]

    def train(
        self, cell: Cell, candidates: Sequence[Hyperparameters], session: Session
    ) -> list[tuple[keras.Sequential, pd.DataFrame]]:
        """A network and its history for each candidate; see `classifiers.train`."""
        condition = self.condition(cell)
        images = self._training_images(condition, cell.seed)
        validation = self._after(VALIDATION, kept(condition.path(MATCHED)))
        if models.is_fitted_at_once(cell.classifier):
            return heads.train(images, validation, cell.classifier, candidates)
        networks = self.networks(condition.steps[len(images.steps) :])
        return classifiers.train(
            images, validation, condition, cell.classifier, networks, candidates, cell.seed, session
        )

    def tested(self, images: ImageSet, path: Steps) -> ImageSet:
        """Test images as a cell takes them to `path`: what seeds share is kept, an autoencoder of its own is not."""
        if end_in_features(path):
            return self.reconstructed(images, path)
        if any(step.weights for step in path):
            return self.reconstructed(images, to_last_network(path), "float32", np.float32)
        return images

    def _training_images(self, condition: Condition, seed: int) -> ImageSet:
        """After those of the steps whose results are kept."""
        steps = kept(condition.steps)
        if condition.mixture is None:
            return self._after(TRAIN, steps)
        reconstructions = [self._after(TRAIN, (step,)) for step in condition.mixture.steps]
        return self.reconstructed(mixture.mixed(self.data.train, reconstructions, condition.mixture, seed), steps)

    def _after(self, split: str, steps: Steps) -> ImageSet:
        """The training or the validation images after `steps`."""
        if (split, steps) not in self._kept:
            images = {TRAIN: self.data.train, VALIDATION: self.data.validation}[split]
            self._kept[split, steps] = self.reconstructed(images, steps)
        return self._kept[split, steps]

    def reconstructed(
        self, images: ImageSet, steps: Steps, precision: str | None = None, dtype: type = np.float16
    ) -> ImageSet:
        """Images after `steps`, computed once and kept below the data folder; as they are where there are no steps.

        precision: that of the settings unless another is given. dtype: that in which they are kept. Features are always
        computed in float32 and kept in float16, for training, tests and examination alike.
        """
        if not steps:
            return images
        if end_in_features(steps):
            precision, dtype = "float32", np.float16
        dtypes, folder = policy(precision or self.settings.precision), self.settings.data_dir / "reconstructions"
        networks = self.networks(steps)
        if dtypes != "float32":
            networks = path.in_precision(steps, networks, dtypes)
        return reconstructions.reconstructed(images, steps, networks, dtypes, folder, dtype)
