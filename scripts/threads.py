"""Whether threads that share a detector are given the answers of a single thread, and how many a second.

Writes results/threads.json. Of each route: how many answers of several threads were wrong, and of one thread and of
several the answers a second, with the cores that they had: the work of other programs makes them fewer.
"""

import functools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np

from cifake_keras.detector import PRETRAINED, Detector, load_detector
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track

ROUNDS = 10

# What is asked of a detector, an image at a time.
Question = Callable[[Detector, np.ndarray], bytes]


def predict(detector: Detector, image: np.ndarray) -> bytes:
    return detector.predict(image).tobytes()


def explain(detector: Detector, image: np.ndarray) -> bytes:
    return b"".join(maps.tobytes() for maps in detector.explain(image).values())


# By route: the model, the question, and the share of --answers that it is asked.
ROUTES: dict[str, tuple[Path | None, Question, float]] = {
    "predict, LiteRT": (None, predict, 1),
    "predict, SavedModel": (PRETRAINED, predict, 0.01),
    "explain": (None, explain, 0.0002),
}


def pictures(count: int) -> np.ndarray:
    """Squares of chance colours, which are rarely given the same answer."""
    squares = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return squares.repeat(4, 1).repeat(4, 2)


def measure(detector: Detector, question: Question, answers: int, threads: int, title: str) -> dict:
    """Asks by one thread and by several in turn, ROUNDS times, as other programs may come and go."""
    images = pictures(min(1000, answers // ROUNDS // 2))
    ask = functools.partial(question, detector)
    alone = [ask(image) for image in images]
    wrong, one, several = 0, [], []
    with ThreadPoolExecutor(threads) as executor:
        for seed in track(range(ROUNDS), title, ROUNDS):
            places = np.random.default_rng(seed).integers(0, len(images), answers // ROUNDS)
            one.append(timed(map(ask, images))[1])
            together, speed = timed(executor.map(ask, images[places]))
            several.append(speed)
            wrong += sum(answer != alone[place] for answer, place in zip(together, places, strict=True))
    return {
        "answers": ROUNDS * (answers // ROUNDS),
        "wrong": wrong,
        "images": len(images),
        "different_images": len(set(alone)),
        "ratio": round(
            statistics.median(b["per_second"] / a["per_second"] for a, b in zip(one, several, strict=True)), 2
        ),
        "one_thread": medians(one),
        "threads": medians(several),
    }


def timed(answers: Iterable[bytes]) -> tuple[list[bytes], dict[str, float]]:
    start, computed = time.perf_counter(), time.process_time()
    found = list(answers)
    seconds = time.perf_counter() - start
    return found, {"per_second": len(found) / seconds, "cores": (time.process_time() - computed) / seconds}


def medians(speeds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(speed[name] for speed in speeds), 2) for name in speeds[0]}


@click.command()
@click.option("--answers", type=click.IntRange(100_000), default=200_000, show_default=True)
@click.option("--threads", type=click.IntRange(2), default=8, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(answers: int, threads: int, results_dir: Path) -> None:
    """Ask one detector from several threads, write results/threads.json, and fail where an answer is wrong."""
    found = {
        name: measure(load_detector(model), question, int(share * answers), threads, name)
        for name, (model, question, share) in ROUTES.items()
    }
    machine = {"cores": len(os.sched_getaffinity(0)), "threads": threads}
    files.write_json(results_dir / "threads.json", machine | {"routes": found})
    sys.exit(any(route["wrong"] for route in found.values()))


if __name__ == "__main__":
    main()
