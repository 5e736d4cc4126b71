"""What finished cells are put through beyond the paper: every path, altered images, measured saliency."""

import shutil
from collections.abc import Callable, Iterable
from functools import cached_property, partial

import keras
import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.conditions.path import walk
from cifake_keras.evaluation import alterations, dispersion, randomization, saliency
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import CLEAN, EVALUATIONS, Steps, kept
from cifake_keras.records import cells, scores
from cifake_keras.records.cells import Cell
from cifake_keras.records.parts import Parts
from cifake_keras.records.scores import Scores
from cifake_keras.runtime import executors, files, progress
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.executors import Executor
from cifake_keras.runtime.progress import say
from cifake_keras.splits.composition import ImageSet
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import Task, read_classifier


def run(wanted: Iterable[Cell], settings: Settings, executor: Executor) -> None:
    """Examines the finished ones among `wanted`.

    settings: the folders and the validation files; all else is taken from the first finished cell. Raises UserError
    where none is finished, or the images are not those that it was made with; Unfinished where an examination failed,
    when all the others are done.
    """
    results_dir = settings.results_dir
    done = [cell for cell in wanted if cells.state(cell.folder(results_dir)) == cells.DONE]
    if not done:
        raise UserError(f"{results_dir} has no finished cell among those named; train first: cifake-keras run-grid")
    settings = settings.as_recorded(cells.read_config(done[0].folder(results_dir)))
    listed = tasks(done, settings)
    for phase in {task.phase for task in listed}:
        _write_images(phase)
    left = [task for task in listed if not task.done()]
    for done_before in set(listed) - set(left):
        done_before.tidy()
    say(f"{len(listed) - len(left)} cells examined before, {len(left)} to examine")
    if unfinished := executors.settle(executor, left, f"{__name__}:{tasks.__name__}", done, settings):
        raise unfinished


def tasks(done: list[Cell], settings: Settings) -> list["ExaminationTask"]:
    """The examinations of finished cells."""
    phases = {name: ExaminedPhase(name, settings) for name in dict.fromkeys(cell.phase for cell in done)}
    return [ExaminationTask(phases[cell.phase], cell) for cell in done]


def _write_images(phase: PhaseRun) -> None:
    folder = cells.phase_folder(phase.settings.results_dir, phase.phase.name)
    tests = {name: images.examples for name, images in phase.data.tests.items()}
    scores.write_images(folder, tests, set(phase.data.train.examples["digest"]))


class ExaminedPhase(PhaseRun):
    """A phase with its test sets altered in every way, which all cells of a process share."""

    def __init__(self, name: str, settings: Settings):
        super().__init__(name, settings)
        self._altered: dict[tuple[str, Steps], list[ImageSet]] = {}

    @cached_property
    def paths(self) -> dict[str, Steps]:
        """Those that can be taken: a grid of the plain conditions alone has no autoencoder."""
        conditions = map(self.settings.condition, protocol.CONDITIONS)
        return {name: path for name, path in protocol.paths(conditions).items() if all(map(self._is_there, path))}

    def _is_there(self, step: protocol.Step) -> bool:
        folder = cells.step_folder(self.settings.results_dir, self.phase.name, step.name)
        return not step.training or (folder / cells.WEIGHTS).exists()

    @cached_property
    def _alterations(self) -> dict[str, Callable[[], list[ImageSet]]]:
        """What makes the altered test sets."""
        levels = [(family, level) for family, of in protocol.ALTERATIONS.items() for level in of.levels]
        # The same images, as they are dealt by their native pixels, resized in other ways.
        kernels = [kernel for kernel in protocol.KERNELS if kernel != self.settings.kernel]
        return {
            **{f"{family}-{level}": partial(self._alter, family, level) for family, level in levels},
            **{f"kernel-{kernel}": partial(self._resize, kernel) for kernel in kernels},
        }

    @property
    def alterations(self) -> list[str]:
        """Their names, by level ("jpeg-75") or by kernel ("kernel-box")."""
        return list(self._alterations)

    def altered(self, name: str, steps: Steps) -> list[ImageSet]:
        """The test sets altered as `name` says, after `steps`; computed once."""
        key = name, steps
        if key not in self._altered:
            made = self.reconstructed(self.altered(name, ()), steps, "float32") if steps else self._alterations[name]()
            self._altered[key] = made
        return self._altered[key]

    def _alter(self, family: str, level: float) -> list[ImageSet]:
        return [_altered(images, family, level) for images in self.data.tests.values()]

    def _resize(self, kernel: str) -> list[ImageSet]:
        return list(self.composed(kernel).tests.values())

    def explained(self) -> np.ndarray:
        """float32 [n, 32, 32, 3] in [0, 1]: in-sample test images drawn at random, whose saliency is measured."""
        images = next(iter(self.data.tests.values()))
        count = min(len(images), protocol.SALIENCY_IMAGES)
        return images.images(np.random.default_rng(0).permutation(len(images))[:count]).astype(np.float32) / 255


def _altered(images: ImageSet, family: str, level: float) -> ImageSet:
    return images.with_images(alterations.alter(images.images(np.arange(len(images))), family, level))


class ExaminationTask(Task):
    """Examines a finished cell. Its metrics.json is written last."""

    def __init__(self, phase: ExaminedPhase, cell: Cell):
        super().__init__(phase, f"{cell} examined", cells.examination_folder(phase.settings.results_dir, cell))
        self.phase: ExaminedPhase = phase
        self.cell, self.condition = cell, phase.condition(cell)
        self._check_cell()

    def _check_cell(self) -> None:
        cell, weights = self.folder.parent, self.folder.parent / cells.WEIGHTS
        if not weights.exists():
            raise UserError(f"{weights} is not there, as in results that were copied; examine where they were made.")
        cells.check_digests(cell)
        recorded = cells.read_config(cell)
        if any(recorded[key] != self.phase.config[key] for key in ("kernel", "validation_files", "data")):
            raise UserError(f"{cell} was made with other images; name its --data-dir and its --validation-files.")

    def done(self) -> bool:
        done = super().done()
        if done:
            cells.check_digests(self.folder)
        return done

    def config(self) -> dict:
        """Scores belong to the network that gave them."""
        return {
            "weights": files.sha256(self.folder.parent / cells.WEIGHTS),
            "alterations": {family: list(of.levels) for family, of in protocol.ALTERATIONS.items()},
            "saliency_images": protocol.SALIENCY_IMAGES,
            "sanity_images": protocol.SANITY_IMAGES,
        }

    def tidy(self) -> None:
        shutil.rmtree(self.folder / cells.PARTS, ignore_errors=True)

    def measure(self) -> dict:
        classifier = read_classifier(self.folder.parent, self.cell.classifier)
        networks = self.phase.networks(tuple({step for path in self.phase.paths.values() for step in path}))
        with progress.task(self.title, self._count()) as update:
            parts = Parts(self.folder / cells.PARTS, update)
            if parts.before:
                say(f"{self.title}: goes on, {parts.before} of {self._count()} parts were measured before")
            scored = self._scores(Scorer(classifier, networks, self.condition.range), parts)
            inputs = walk(self.phase.explained(), self.condition.path(CLEAN), networks, self.condition.range)
            measured = _dispersion(classifier, np.asarray(inputs), parts)
        scored.write(self.folder / cells.SCORES)
        text = measured.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        files.write_text(self.folder / cells.DISPERSION, text)
        say(f"{self.title}: {len(scored.paths)} paths, {len(scored.altered)} alterations")
        return {"cell": str(self.cell)}

    def _count(self) -> int:
        return sum(map(len, (self.phase.paths, self.phase.alterations, EVALUATIONS, 2 * list(saliency.METHODS))))

    def _scores(self, score: Scorer, parts: Parts) -> Scores:
        data, clean = self.phase.data, self.condition.path(CLEAN)

        def logits(part: str, path: Steps, sets: Callable[[], Iterable[ImageSet]]) -> np.ndarray:
            return parts.once(part, lambda: np.concatenate([score(images, path) for images in sets()]))

        return Scores(
            paths={name: logits(f"paths {name}", path, data.tests.values) for name, path in self.phase.paths.items()},
            altered={
                name: logits(f"altered {name}", clean, partial(self.phase.altered, name, kept(clean)))
                for name in self.phase.alterations
            },
            validation={
                name: logits(f"validation {name}", self.condition.path(name), lambda: [data.validation])
                for name in EVALUATIONS
            },
            validation_labels=data.validation.labels,
        )


def _dispersion(classifier: keras.Sequential, inputs: np.ndarray, parts: Parts) -> pd.DataFrame:
    """A row a method and image: the measures of its map, and how much of it random weights would show too."""
    return pd.concat([_measured(classifier, inputs, name, parts) for name in saliency.METHODS])


def _measured(classifier: keras.Sequential, inputs: np.ndarray, name: str, parts: Parts) -> pd.DataFrame:
    method, checked = saliency.METHODS[name], inputs[: protocol.SANITY_IMAGES]
    measures = parts.once(f"dispersion {name}", lambda: _measures(method(classifier, inputs)))
    similarity = parts.once(f"similarity {name}", lambda: randomization.similarity(method, classifier, checked))
    rows = pd.DataFrame(measures, columns=list(dispersion.MEASURES))
    rows.insert(0, "method", name)
    rows.insert(1, "image", np.arange(len(inputs)))
    return rows.assign(**{scores.SIMILARITY: pd.Series(similarity)})


def _measures(maps: np.ndarray) -> np.ndarray:
    """float64 [n, measures]."""
    return np.stack([of(maps) for of in dispersion.MEASURES.values()], axis=1)
