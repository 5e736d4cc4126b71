"""What finished cells are put through beyond the paper: every path, altered images, measured saliency."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property, partial

import keras
import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.conditions.path import Networks, walk
from cifake_keras.evaluation import alterations, dispersion, randomization, saliency
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import (
    CLEAN,
    EVALUATIONS,
    FAKE,
    REAL,
    VALIDATION,
    Steps,
    end_in_features,
    kept,
    to_last_network,
)
from cifake_keras.records import cells, scores
from cifake_keras.records.cells import Cell
from cifake_keras.records.parts import Parts
from cifake_keras.records.scores import Scores
from cifake_keras.runtime import executors, files, progress
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.executors import Executor
from cifake_keras.runtime.progress import say
from cifake_keras.sources import prepared, reading
from cifake_keras.splits.composition import ImageSet, compose_test
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
        phase.introduce_tests()
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


def _write_images(phase: "ExaminedPhase") -> None:
    folder = cells.phase_folder(phase.settings.results_dir, phase.phase.name)
    tests = {name: images.examples for name, images in phase.tests.items()}
    scores.write_images(folder, tests, set(phase.data.train.examples["digest"]))


class ExaminedPhase(PhaseRun):
    """A phase with its test sets altered in every way and after every path, which all cells of a process share.

    tests: its own, and those beyond the paper of which there are images. beyond: the sources of the latter.
    """

    def __init__(self, name: str, settings: Settings):
        super().__init__(name, settings)
        sets = {test.name: compose_test(test, settings.data_dir, settings.kernel) for test in self.phase.beyond}
        self.tests = self.data.tests | {name: images for name, (images, _) in sets.items() if len(images)}
        self.beyond = {name: record for name, (_, record) in sets.items()}
        self._altered: dict[tuple[str, Steps], tuple[np.ndarray, ImageSet]] = {}
        self._walked: dict[tuple[str, Steps], ImageSet] = {}

    def introduce_tests(self) -> None:
        """Says of how many images those beyond the paper are, and what of them there is not."""
        for test in self.phase.beyond:
            there = {source["name"] for source in self.beyond[test.name]}
            absent = [draw.source for draw in test.counts.draws() if draw.source not in there]
            without = f", without {', '.join(absent)}: not prepared" if absent else ""
            images = self.tests.get(test.name)
            counts = f"{images.count(REAL):,} real, {images.count(FAKE):,} fake" if images else "left out"
            say(f"{self.phase.title}, test {test.title}: {counts}{without}")

    def paths(self, cell: Cell) -> dict[str, Steps]:
        """Its own, and those of the paper that it can take: a grid of the plain conditions alone has no autoencoder.

        A head on a backbone has its own alone, as each other would need the features of all test images.
        """
        conditions = {name: self.condition(replace(cell, condition=name)) for name in protocol.CONDITIONS}
        others = () if end_in_features(conditions[cell.condition].steps) else protocol.PAPER_CONDITIONS
        wanted = protocol.paths(conditions[name] for name in (*others, cell.condition)).values()
        named = protocol.paths(conditions.values())
        return {name: path for name, path in named.items() if path in wanted and all(map(self._is_there, path))}

    def _is_there(self, step: protocol.Step) -> bool:
        return not step.training or (self.step_folder(step) / cells.WEIGHTS).exists()

    def walked(self, split: str, path: Steps) -> ImageSet:
        """A test set, or the validation images, after `path` up to its last network; computed once."""
        key = split, to_last_network(path)
        if key not in self._walked:
            images = self.data.validation if split == VALIDATION else self.tests[split]
            self._walked[key] = self.reconstructed(images, key[1], "float32", np.float32)
        return self._walked[key]

    @cached_property
    def _alterations(self) -> dict[str, Callable[[], np.ndarray]]:
        """What makes all test images, altered: uint8 [n, 32, 32, 3]."""
        levels = [(family, level) for family, of in protocol.ALTERATIONS.items() for level in of.levels]
        return {
            **{f"{family}-{level}": partial(self._alter, family, level) for family, level in levels},
            **{name: partial(self._resize, name) for name in self._routes},
        }

    @property
    def alterations(self) -> list[str]:
        """Their names, by level ("jpeg-75"), by kernel ("kernel-box"), or by way of 64 px ("detour-box")."""
        return list(self._alterations)

    def altered(self, name: str, steps: Steps) -> tuple[np.ndarray, ImageSet]:
        """Which of all test images the alteration changes, bool [n], and those of them, after `steps`; computed once.

        Other kernels, for instance, change no image that has 32x32 pixels of its own.
        """
        key = name, steps
        if key not in self._altered:
            if steps:
                changed, images = self.altered(name, ())
                self._altered[key] = changed, self.reconstructed(images, steps, "float32")
            else:
                self._altered[key] = self._changed(self._alterations[name]())
        return self._altered[key]

    def _changed(self, altered: np.ndarray) -> tuple[np.ndarray, ImageSet]:
        changed = (altered != np.concatenate(list(map(_images, self.tests.values())))).any((1, 2, 3))
        return changed, ImageSet(self._examples[changed], {}).with_images(altered[changed])

    def _alter(self, family: str, level: float) -> np.ndarray:
        return np.concatenate([alterations.alter(_images(of), family, level) for of in self.tests.values()])

    def _resize(self, route: str) -> np.ndarray:
        return self._resized[route]

    @cached_property
    def _resized(self) -> dict[str, np.ndarray]:
        """All test images, from their own size on every other route than that of the settings."""
        parts = []
        for source, examples in self._examples.groupby("source", sort=False):
            dataset = protocol.SOURCES[source].dataset
            images = prepared.resized(self.settings.data_dir, dataset, examples["row"].to_list(), self._routes)
            parts.append((examples.index, images))
        order = np.argsort(np.concatenate([places for places, _ in parts]))
        return {name: np.concatenate([images[name] for _, images in parts])[order] for name in self._routes}

    @property
    def _routes(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        direct = {f"kernel-{kernel}": partial(_direct, kernel) for kernel in protocol.KERNELS}
        del direct[f"kernel-{self.settings.kernel}"]
        return direct | {f"detour-{kernel}": partial(_detoured, kernel) for kernel in protocol.KERNELS}

    @property
    def _examples(self) -> pd.DataFrame:
        """Those of all test images."""
        return pd.concat([images.examples for images in self.tests.values()], ignore_index=True)

    def explained(self) -> np.ndarray:
        """float32 [n, 32, 32, 3] in [0, 1]: in-sample test images drawn at random, whose saliency is measured."""
        images = next(iter(self.tests.values()))
        count = min(len(images), protocol.SALIENCY_IMAGES)
        return images.images(np.random.default_rng(0).permutation(len(images))[:count]).astype(np.float32) / 255


def _direct(kernel: str, image: np.ndarray) -> np.ndarray:
    return reading.resize(image, protocol.IMAGE_SIZE, kernel)


def _detoured(kernel: str, image: np.ndarray) -> np.ndarray:
    """By way of the size and the compression of tiny-imagenet, if it is larger."""
    if min(image.shape[:2]) > protocol.DETOUR:
        small = reading.resize(image, protocol.DETOUR, protocol.DETOUR_KERNEL)
        image = reading.compressed(small, protocol.JPEG_QUALITY)
    return _direct(kernel, image)


def _images(images: ImageSet) -> np.ndarray:
    """All of a set, uint8 [n, 32, 32, 3]."""
    return images.images(np.arange(len(images)))


class ExaminationTask(Task):
    """Examines a finished cell. Its metrics.json is written last."""

    def __init__(self, phase: ExaminedPhase, cell: Cell):
        super().__init__(phase, f"{cell} examined", cells.examination_folder(phase.settings.results_dir, cell))
        self.phase: ExaminedPhase = phase
        self.cell, self.condition, self.paths = cell, phase.condition(cell), phase.paths(cell)
        # Features are no image that a map could show, and each alteration would need those of all test images.
        self.thorough = phase.phase.thorough and not end_in_features(self.condition.steps)
        self.alterations = phase.alterations if self.thorough else []
        self.methods = list(saliency.METHODS) if self.thorough else []
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
        common = {"weights": files.sha256(self.folder.parent / cells.WEIGHTS), "beyond": self.phase.beyond}
        if not self.thorough:
            return common
        return common | {
            "detour": [protocol.DETOUR, protocol.DETOUR_KERNEL],
            "alterations": {family: list(of.levels) for family, of in protocol.ALTERATIONS.items()},
            "saliency_images": protocol.SALIENCY_IMAGES,
            "sanity_images": protocol.SANITY_IMAGES,
        }

    def tidy(self) -> None:
        shutil.rmtree(self.folder / cells.PARTS, ignore_errors=True)

    def measure(self) -> dict:
        classifier = read_classifier(self.folder.parent, self.cell.classifier)
        networks = self.phase.networks(tuple({step for path in self.paths.values() for step in path}))
        with progress.task(self.title, self._count()) as update:
            parts = Parts(self.folder / cells.PARTS, update)
            if parts.before:
                say(f"{self.title}: goes on, {parts.before} of {self._count()} parts were measured before")
            scored = self._scores(Scorer(classifier, networks, self.condition.range), parts)
            if self.thorough:
                self._write_dispersion(classifier, networks, parts)
        scored.write(self.folder / cells.SCORES)
        left_out = "" if self.thorough else "; saliency and alterations are left out"
        say(f"{self.title}: {len(scored.paths)} paths, {len(scored.altered)} alterations{left_out}")
        return {"cell": str(self.cell)}

    def _count(self) -> int:
        validated = set(map(self.condition.path, EVALUATIONS))
        return sum(map(len, (self.paths, self.alterations, validated, self.methods)))

    def _scores(self, score: Scorer, parts: Parts) -> Scores:
        data = self.phase.data

        def logits(part: str, path: Steps, splits: Iterable[str]) -> np.ndarray:
            sets = (self.phase.walked(split, path) for split in splits)
            return parts.once(part, lambda: np.concatenate([score(images, path) for images in sets]))

        paths = {name: logits(f"paths {name}", path, self.phase.tests) for name, path in self.paths.items()}
        # Where nothing is left to chance, both evaluations are one path.
        validated = {
            path: logits(f"validation {name}", path, [VALIDATION])
            for path, name in {self.condition.path(name): name for name in EVALUATIONS}.items()
        }
        return Scores(
            paths=paths,
            altered=self._altered(score, paths, parts),
            validation={name: validated[self.condition.path(name)] for name in EVALUATIONS},
            validation_labels=data.validation.labels,
        )

    def _altered(self, score: Scorer, paths: Mapping[str, np.ndarray], parts: Parts) -> dict[str, np.ndarray]:
        """The logits by alteration. An image that it leaves as it was has the logit that it has on the clean path."""
        clean = self.condition.path(CLEAN)
        (unaltered,) = (paths[name] for name, path in self.paths.items() if path == clean)

        def logits(name: str) -> np.ndarray:
            changed, images = self.phase.altered(name, kept(clean))
            altered = unaltered.copy()
            altered[changed] = score(images, clean)
            return altered

        return {name: parts.once(f"altered {name}", partial(logits, name)) for name in self.alterations}

    def _write_dispersion(self, classifier: keras.Sequential, networks: Networks, parts: Parts) -> None:
        """A row a method and image: the measures of its map, and how much of it random weights would show too."""
        inputs = walk(self.phase.explained(), self.condition.path(CLEAN), networks, self.condition.range)
        measured = pd.concat([_measured(classifier, np.asarray(inputs), name, parts) for name in self.methods])
        text = measured.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        files.write_text(self.folder / cells.DISPERSION, text)


def _measured(classifier: keras.Sequential, inputs: np.ndarray, name: str, parts: Parts) -> pd.DataFrame:
    measures = parts.once(f"saliency {name}", lambda: _measures(classifier, inputs, saliency.METHODS[name]))
    rows = pd.DataFrame(measures, columns=[*dispersion.MEASURES, scores.SIMILARITY])
    rows.insert(0, "method", name)
    rows.insert(1, "image", np.arange(len(inputs)))
    return rows


def _measures(
    classifier: keras.Sequential, inputs: np.ndarray, method: Callable[[keras.Model, np.ndarray], np.ndarray]
) -> np.ndarray:
    """float64 [n, measures + 1]: those of each map, and the similarity, NaN but for the first images."""
    maps, checked = method(classifier, inputs), inputs[: protocol.SANITY_IMAGES]
    similarity = np.full(len(maps), np.nan)
    similarity[: len(checked)] = randomization.similarity(maps[: len(checked)], method, classifier.name, checked)
    return np.stack([*(of(maps) for of in dispersion.MEASURES.values()), similarity], axis=1)
