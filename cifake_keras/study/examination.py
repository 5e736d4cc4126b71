"""What finished cells are put through beyond the paper: every path, altered images, measured saliency.

Below a cell's folder, `examination/` holds scores.npz, dispersion.csv and, written last, metrics.json.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.conditions import reconstructions
from cifake_keras.conditions.path import classifier_input
from cifake_keras.evaluation import alterations, dispersion, randomization, saliency
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import Condition
from cifake_keras.records import cells, scores
from cifake_keras.records.cells import Cell
from cifake_keras.records.scores import Scores
from cifake_keras.runtime import executors, files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.executors import Executor
from cifake_keras.runtime.progress import say, track
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import Task, read_classifier


def run(
    wanted: Iterable[Cell], data_dir: Path, results_dir: Path, validation_files: frozenset[str], executor: Executor
) -> None:
    """Examines the finished ones among `wanted`.

    Raises UserError where none is finished, or the images are not those that it was made with; Unfinished where an
    examination failed, when all the others are done.
    """
    done = [cell for cell in wanted if cells.state(cell.folder(results_dir)) == cells.DONE]
    if not done:
        raise UserError(f"{results_dir} has no finished cell among those named; train first: cifake-keras run-grid")
    recorded = files.read_json(done[0].folder(results_dir) / cells.METRICS)
    settings = Settings(
        recorded["preset"], data_dir, results_dir, kernel=recorded["kernel"], validation_files=validation_files
    )
    found = tasks(done, settings)
    for phase in {task.phase for task in found}:
        scores.write_images(results_dir / "runs" / phase.phase.name, phase.data)
    left = [task for task in found if not task.done()]
    say(f"{len(found) - len(left)} cells examined before, {len(left)} to examine")
    if unfinished := executors.settle(executor, left, "cifake_keras.study.examination:tasks", done, settings):
        raise unfinished


def tasks(done: list[Cell], settings: Settings) -> list["ExaminationTask"]:
    """The examinations of finished cells."""
    phases = {name: ExaminedPhase(name, settings) for name in dict.fromkeys(cell.phase for cell in done)}
    return [ExaminationTask(phases[cell.phase], cell) for cell in done]


class ExaminedPhase(PhaseRun):
    """A phase with its test sets altered in every way, which all cells of a process share."""

    @cached_property
    def altered(self) -> dict[str, list[ImageSet]]:
        """The test sets by alteration and level, "jpeg-75" for instance, or by kernel, "kernel-box"."""
        tests = list(self.data.tests.values())
        levels = [(family, level) for family, levels in protocol.ALTERATIONS.items() for level in levels]
        found = {
            f"{family}-{level}": [_altered(images, family, level) for images in tests]
            for family, level in track(levels, "Altering test images", len(levels))
        }
        return found | {f"kernel-{kernel}": self._resized(kernel) for kernel in self._other_kernels()}

    @property
    def has_autoencoder(self) -> bool:
        return (cells.autoencoder_folder(self.settings.results_dir, self.phase.name) / cells.WEIGHTS).exists()

    def paths(self) -> list[Condition]:
        """Those that can be taken: a grid of the plain conditions alone has no autoencoder."""
        return [path for path in protocol.CONDITIONS.values() if self.has_autoencoder or not path.autoencoded]

    def _other_kernels(self) -> list[str]:
        return [kernel for kernel in protocol.KERNELS if kernel != self.settings.kernel]

    def _resized(self, kernel: str) -> list[ImageSet]:
        """The same images, as they are dealt by their native pixels, resized in another way."""
        settings = self.settings
        data = composition.compose(self.phase, settings.preset, settings.data_dir, kernel, settings.validation_files)
        return list(data.tests.values())

    @cached_property
    def reconstructed(self) -> dict[str, list[ImageSet]]:
        """The altered test sets through the autoencoder, once for all cells that have it in their path."""
        folder = self.settings.data_dir / "reconstructions"
        return {
            name: [reconstructions.reconstructed(images, self.autoencoder, "float32", folder) for images in tests]
            for name, tests in track(self.altered.items(), "Reconstructing altered images", len(self.altered))
        }

    def explained(self) -> np.ndarray:
        """float32 [n, 32, 32, 3] in [0, 1]: in-sample test images drawn at random, whose saliency is measured."""
        images = next(iter(self.data.tests.values()))
        count = min(len(images), protocol.SALIENCY_IMAGES)
        return images.images(np.random.default_rng(0).permutation(len(images))[:count]).astype(np.float32) / 255


def _dispersion(classifier: keras.Sequential, inputs: np.ndarray) -> pd.DataFrame:
    """A row a method and image: the measures of its map, and how much of it random weights would show too."""
    return pd.concat([_measured(classifier, inputs, name) for name in saliency.METHODS])


def _measured(classifier: keras.Sequential, inputs: np.ndarray, name: str) -> pd.DataFrame:
    method = saliency.METHODS[name]
    maps = method(classifier, inputs)
    columns = {measure: of(maps) for measure, of in dispersion.MEASURES.items()}
    columns[scores.SIMILARITY] = np.full(len(inputs), np.nan)
    checked = inputs[: protocol.SANITY_IMAGES]
    columns[scores.SIMILARITY][: len(checked)] = randomization.similarity(method, classifier, checked)
    return pd.DataFrame({"method": name, "image": np.arange(len(inputs)), **columns})


def _altered(images: ImageSet, family: str, level: float) -> ImageSet:
    return images.with_images(alterations.alter(images.images(np.arange(len(images))), family, level))


class ExaminationTask(Task):
    def __init__(self, phase: ExaminedPhase, cell: Cell):
        super().__init__(phase, f"{cell} examined", cells.examination_folder(phase.settings.results_dir, cell))
        self.cell, self.condition = cell, protocol.CONDITIONS[cell.condition]
        self._check_cell()

    def _check_cell(self) -> None:
        cell, weights = self.folder.parent, self.folder.parent / cells.WEIGHTS
        if not weights.exists():
            raise UserError(f"{weights} is not there, as in results that were copied; examine where they were made.")
        recorded = files.read_json(cell / cells.CONFIG)
        if any(recorded[key] != self.phase.config[key] for key in ("kernel", "validation_files", "data")):
            raise UserError(f"{cell} was made with other images; name its --data-dir and its --validation-files.")

    def config(self) -> dict:
        """Scores belong to the network that gave them."""
        return {
            "weights": files.sha256(self.folder.parent / cells.WEIGHTS),
            "alterations": {family: list(levels) for family, levels in protocol.ALTERATIONS.items()},
            "saliency_images": protocol.SALIENCY_IMAGES,
            "sanity_images": protocol.SANITY_IMAGES,
        }

    def measure(self) -> dict:
        classifier = read_classifier(self.folder.parent, self.cell.classifier)
        autoencoder = self.phase.autoencoder if self.phase.has_autoencoder else None
        self._scores(Scorer(self.condition, classifier, autoencoder)).write(self.folder / scores.SCORES)
        inputs = np.asarray(classifier_input(self.phase.explained(), self.condition, autoencoder))
        text = _dispersion(classifier, inputs).to_csv(index=False, float_format="%.6g", lineterminator="\n")
        files.write_text(self.folder / scores.DISPERSION, text)
        say(f"{self.title}: {len(self.phase.paths())} paths, {len(self.phase.altered)} alterations")
        return {"cell": str(self.cell)}

    def _scores(self, score: Scorer) -> Scores:
        data, clean = self.phase.data, protocol.path(self.condition, "clean")
        altered = self.phase.reconstructed if self.condition.autoencoded else self.phase.altered

        def logits(tests: Iterable[ImageSet], path: Condition) -> np.ndarray:
            return np.concatenate([score(images, path) for images in tests])

        return Scores(
            paths={path.name: logits(data.tests.values(), path) for path in self.phase.paths()},
            altered={name: logits(tests, clean) >= 0 for name, tests in altered.items()},
            validation={
                evaluation: score(data.validation, protocol.path(self.condition, evaluation))
                for evaluation in protocol.EVALUATIONS
            },
            validation_labels=data.validation.labels,
        )
