"""A detector's answers to files and folders. Imports TensorFlow only for a SavedModel."""

import csv
import io
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from click import format_filename

from cifake_keras.detector import Detector, load_detector
from cifake_keras.detector.limits import Limits
from cifake_keras.runtime import interruption
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.processes import cores
from cifake_keras.runtime.progress import say
from cifake_keras.runtime.text import printable
from cifake_keras.sources import reading, walk

_CHUNK = 64  # few enough for a hundred photographs to be shared among processes

# Of a process of the pool.
_detector: Detector


@dataclass(frozen=True)
class Answer:
    """The answer to an image. detector: the name of the one that gave it. error: why there is no probability.
    warning: why not to rely on it.

    Also of what is no image, with one of `walk.SKIPPED` for the error.
    """

    path: Path
    detector: str = ""
    probability_fake: float | None = None
    warning: str = ""
    error: str = ""


def find(named: Iterable[str | Path]) -> tuple[list[Path], list[Answer]]:
    """The named files and all images in the named folders; and answers for what else there is in those."""
    paths: list[Path] = []
    others: list[Answer] = []
    for path in map(Path, named):
        if not os.path.isdir(path):
            paths.append(path)
            continue
        try:
            found = walk.find(path)
        except OSError as error:
            others.append(Answer(path, error=f"cannot be read ({error.strerror})"))
            continue
        paths += [path / name for name in found.images]
        others += [Answer(path / name, error=reason) for name, reason in found.left_out]
        if not found.images:
            others.append(Answer(path, error="holds no image"))
    return paths, others


def answers(detector: Detector, paths: list[Path]) -> Iterator[list[Answer]]:
    """Yields the answers to `paths` in order, some at a time; of many images on LiteRT by a process a core."""
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    processes = min(cores(), len(chunks))
    shared = processes > 1 and detector.path.suffix == ".tflite"
    pool = _pool(processes, detector) if shared else None
    if not pool:
        yield from map(partial(_answer, detector), chunks)
        return
    try:
        with pool:
            yield from pool.map(_answer_in_pool, chunks)
    except BrokenProcessPool:
        raise UserError("One of the processes was killed, for want of memory perhaps; run the command again.") from None


def _pool(processes: int, detector: Detector) -> ProcessPoolExecutor | None:
    """None where processes cannot share work, as without a /dev/shm to write to."""
    model = None if detector.larger else detector.path
    try:
        return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (model,))
    except (ImportError, OSError) as error:
        say(f"one process does all: others cannot share the work here ({error})")
        return None


def _begin(model: Path | None) -> None:
    """In a process of the pool."""
    global _detector
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
    interruption.with_parent()
    _detector = load_detector(model, threads=1)


def _answer_in_pool(paths: list[Path]) -> list[Answer]:
    return _answer(_detector, paths)


def _answer(detector: Detector, paths: list[Path]) -> list[Answer]:
    seen = [look(detector, path) for path in paths]
    probabilities = iter(detector.predict([pixels for _, pixels in seen if pixels is not None]).tolist())
    return [
        answer if pixels is None else replace(answer, probability_fake=next(probabilities)) for answer, pixels in seen
    ]


def look(detector: Detector, path: Path) -> tuple[Answer, np.ndarray | None]:
    """The answer before the network is asked, and its input: uint8 [height, width, 3], or None with an error."""
    try:
        image = reading.image(path)
    except reading.UnreadableImage as error:
        return Answer(path, error=str(error)), None
    height, width, _ = image.shape
    asked = detector.fitting(image)
    warning = asked.warning(height, width)
    return Answer(path, asked.name, warning=warning and f"{width}x{height}, {warning}"), asked.pixels(image)[0]


# As text


def _rows(answers: list[Answer], limits: Mapping[str, Limits]) -> list[dict[str, object]]:
    return [
        {
            "path": format_filename(answer.path),
            "probability_fake": None if answer.probability_fake is None else round(answer.probability_fake, 6),
            "verdict": _verdict(answer, limits),
            "detector": answer.detector,
            "warning": answer.warning,
            "error": answer.error,
        }
        for answer in answers
    ]


def _verdict(answer: Answer, limits: Mapping[str, Limits]) -> str:
    return "" if answer.probability_fake is None else limits[answer.detector].verdict(answer.probability_fake)


_WIDTH = len("UNSURE")


def _table(rows: list[dict]) -> str:
    return "".join(
        f"{row['probability_fake']:6.1%}  {row['verdict']:{_WIDTH}}  {printable(row['path'])}"
        + (f"  ({row['warning']})" if row["warning"] else "")
        + "\n"
        for row in rows
        if row["verdict"]
    )


def _csv(rows: list[dict]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _json(rows: list[dict]) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


_FORMATS: dict[str, Callable[[list[dict]], str]] = {"table": _table, "csv": _csv, "json": _json}


def text(answers: list[Answer], limits: Mapping[str, Limits], form: str) -> str:
    """One answer or more as "csv" or "json"; or as "table", those that have a probability, in percent.

    limits: by the name of the detector.
    """
    return _FORMATS[form](_rows(answers, limits))
