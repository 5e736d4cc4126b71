"""A detector that threads and processes share gives each image its own answer."""

import asyncio
import os
import pickle
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import noise

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED

IMAGES = np.stack([np.kron(noise(number, 8), np.ones((4, 4, 1), np.uint8)) for number in range(100)])
PLACES = np.random.default_rng(0).integers(0, 90, 400)


@pytest.fixture(
    scope="module",
    params=[pytest.param(None, id="LiteRT"), pytest.param(PRETRAINED, id="SavedModel", marks=pytest.mark.slow)],
)
def detector(request):
    return load_detector(request.param)


@pytest.fixture(scope="module")
def alone(detector):
    """What a single thread is answered."""
    probabilities = detector.predict(IMAGES)
    assert len(set(probabilities.tolist())) > 95, "of another image's answer it must be seen that it is another's"
    return probabilities


def test_threads_are_answered_as_one_is(detector, alone):
    def differs(place: int) -> float:
        some = slice(place, place + 1 + place % 10)
        return np.abs(detector.predict(IMAGES[some]) - alone[some]).max()

    with ThreadPoolExecutor(8) as executor:
        assert max(executor.map(differs, PLACES)) < 1e-6


def test_many_images_at_once_are_answered_as_one_by_one():
    detector = load_detector(threads=8)
    assert np.array_equal(detector.predict(IMAGES), [detector.predict(image)[0] for image in IMAGES])


def test_asyncio_is_answered_as_one_thread_is(detector, alone):
    async def answers() -> list[np.ndarray]:
        return await asyncio.gather(*(asyncio.to_thread(detector.predict, IMAGES[place]) for place in PLACES))

    assert np.concatenate(asyncio.run(answers())) == pytest.approx(alone[PLACES], abs=1e-6)


@pytest.mark.slow
def test_threads_see_the_explanation_that_one_sees_while_others_draw_random_numbers():
    detector, ended = load_detector(), threading.Event()

    def draw() -> None:
        while not ended.is_set():
            np.random.random()

    alone = [detector.explain(image) for image in IMAGES[:3]]
    with ThreadPoolExecutor(4) as executor:
        executor.submit(draw)
        together = list(executor.map(detector.explain, IMAGES[:3]))
        ended.set()
    for maps, others in zip(alone, together, strict=True):
        assert all(np.array_equal(maps[method], others[method]) for method in maps)


def test_threads_that_load_leave_standard_error_open(capfd):
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda _: load_detector(), range(16)))
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_a_detector_is_pickled_as_its_path(detector, alone, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(PRETRAINED, tmp_path / "copy"))
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(load_detector(Path("copy") / detector.path.relative_to(PRETRAINED)))
    monkeypatch.chdir("/")
    again = pickle.loads(pickled)
    assert len(pickled) < 1000 and again.path.is_relative_to(folder)
    assert again.predict(IMAGES) == pytest.approx(alone, abs=1e-6)


PROGRAM = """
import multiprocessing, sys, threading
import numpy as np
from cifake_keras import load_detector

def answer(_):
    return detector.predict(images)

def parent_goes_on():
    while True:
        detector.predict(images)

if __name__ == "__main__":
    method, *model = sys.argv[1:]
    images = np.load("images.npy")
    detector = load_detector(*model, threads=4)
    expected = detector.predict(images)
    threading.Thread(target=parent_goes_on, daemon=True).start()
    context = multiprocessing.get_context(method)
    for _ in range(2):
        with context.Pool(2) as pool:
            found = pool.map(answer if method == "fork" else detector.predict, [images] * 4)
            pool.close()
            pool.join()
        assert np.abs(np.stack(found) - expected).max() < 1e-6
"""


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    np.save(folder / "images.npy", IMAGES[:40])
    (folder / "program.py").write_text(PROGRAM)
    line = [sys.executable, "program.py", *map(str, arguments)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_are_answered_as_one_is(method, tmp_path):
    ended = run(tmp_path, method)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
def test_a_fork_of_tensorflow_is_refused(tmp_path):
    ended = run(tmp_path, "fork", PRETRAINED.resolve())
    assert ended.returncode == 1 and "UserError: TensorFlow cannot go on in a forked process" in ended.stderr
