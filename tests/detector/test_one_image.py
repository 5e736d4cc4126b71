"""One image, one answer: every encoding on every route is the same 32 x 32 pixels, or refused."""

import base64
import contextlib
import functools
import http.server
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import one_image
import pytest
from click.testing import CliRunner
from support import output_of

from cifake_keras import load_detector, protocol
from cifake_keras.cli import main
from cifake_keras.detector import PRETRAINED, litert, page
from cifake_keras.runtime.errors import UserError
from cifake_keras.sources import reading

CASES = {case.name: case for case in one_image.cases()}
READ = {name for name, case in CASES.items() if case.pixels is not None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_image")
    for case in CASES.values():
        (folder / case.name).write_bytes(case.content)
    return folder


def wrong(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, object]:
    """By name: what was read or refused and should not be, and by how many levels it differs where that is too many."""
    problems: dict[str, object] = dict.fromkeys(expected.keys() - found, "refused")
    problems |= dict.fromkeys(found.keys() - expected, "read")
    for name in expected.keys() & found:
        shown = reading.resize(expected[name].astype(np.uint8), protocol.IMAGE_SIZE, "bilinear")
        difference = np.abs(found[name] - shown.astype(int)).max()
        if difference > CASES[name].tolerance:
            problems[name] = int(difference)
    return problems


# What every route shows that knows of colour profiles.
MANAGED = {name: CASES[name].pixels for name in READ}


def test_library(folder):
    """`Detector.predict` and `Detector.explain` go by these pixels."""
    detector = load_detector()
    assert wrong({name: detector.pixels([folder / name])[0] for name in READ}, MANAGED) == {}
    for name in CASES.keys() - READ:
        with pytest.raises(UserError, match=name):
            detector.pixels([folder / name])


def test_command_line(folder):
    detector, paths = load_detector(), [folder / name for name in sorted(READ)]
    rows = json.loads(output_of("predict", *paths, "--format", "json"))
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert [row["probability_fake"] for row in rows] == pytest.approx(detector.predict(paths), abs=1e-5)
    told = CliRunner().invoke(main, ["predict", *(str(folder / name) for name in CASES.keys() - READ)])
    assert told.exit_code != 0 and all(str(folder / name) in told.output for name in CASES.keys() - READ)


@pytest.mark.slow
def test_training_data(folder, tmp_path):
    from cifake_keras.sources import prepared

    prepared.prepare("image_folder", tmp_path, origin=folder, title="One image", label="FAKE")
    data = prepared.load(tmp_path, "image_folder/oneimage", "bilinear")
    images = data.images[np.arange(len(data.examples))]
    assert wrong(dict(zip(data.examples["filename"], images, strict=True)), MANAGED) == {}


@pytest.mark.slow
def test_serve_bytes():
    """All in one batch, those among them that are refused."""
    import tensorflow as tf

    from cifake_keras.detector import decoding

    decode = tf.function(lambda contents: decoding.decode(contents, protocol.IMAGE_SIZE, "bilinear"), autograph=False)
    levels = 255 * decode(tf.constant([case.content for case in CASES.values()])).numpy()
    found = {name: image.round() for name, image in zip(CASES, levels, strict=True) if not np.isnan(image).any()}
    shown = {name: case.pixels if case.unmanaged is None else case.unmanaged for name, case in CASES.items()}
    assert wrong(found, {name: shown[name] for name in READ if CASES[name].graph}) == {}


@pytest.mark.slow
def test_the_detector_of_the_package_has_it(folder):
    import tensorflow as tf

    loaded = tf.saved_model.load(PRETRAINED)
    answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant([case.content for case in CASES.values()]))
    found = dict(zip(CASES, answers["probability_fake"].numpy(), strict=True))
    alike = sorted(name for name in READ if CASES[name].graph and CASES[name].unmanaged is None)
    expected = load_detector(PRETRAINED / litert.FILE).predict([folder / name for name in alike])
    assert [found[name] for name in alike] == pytest.approx(expected, abs=1e-3)
    assert all(np.isnan(found[name]) for name in CASES.keys() - READ)


@pytest.mark.slow
def test_page(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or pytest.skip("needs chromium")
    page.write(PRETRAINED, tmp_path / "page")
    with served(tmp_path / "page") as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=("--no-sandbox", "--disable-gpu"))
        tab = browser.new_page()
        tab.goto(address)
        answers = {
            name: tab.evaluate(ASK, [name, base64.b64encode(case.content).decode()]) for name, case in CASES.items()
        }
    found = {name: answer["pixels"] for name, answer in answers.items() if "pixels" in answer}
    assert wrong({name: np.reshape(pixels, (32, 32, 3)) for name, pixels in found.items()}, MANAGED) == {}
    assert all(f"“{name}” " in answers[name]["refused"] for name in CASES.keys() - READ)


# As page.js does it, with what it shows.
ASK = """async ([name, text]) => {
    const { read, Unreadable } = await import("./picture.js");
    const { resize } = await import("./resize.js");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    try {
        const { pixels, width, height } = await read(new File([bytes], name), { bytes: 2 ** 27, pixels: 32e6 });
        return { pixels: Array.from(resize(pixels, width, height, 32)) };
    } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        return { refused: error.message };
    }
}"""


@contextlib.contextmanager
def served(folder: Path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
