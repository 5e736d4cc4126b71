"""The page in a browser: what a person does there, and what it answers."""

import base64
import functools
import http.server
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from support import encoded, noise, noise_png, refused

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED, PRETRAINED_NATIVE, model_card, page, predictions
from cifake_keras.sources import reading, scenes

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = pytest.mark.slow

# What JavaScript gets as base64.
BYTES = "const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the page is served, as any host of static files would."""
    folder = tmp_path_factory.mktemp("site") / "page"
    page.write(PRETRAINED, folder, PRETRAINED_NATIVE)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def shown(browser, address):
    """The page, loaded. It asks nobody but its host, and nothing in it fails."""
    yield from _shown(browser, address)


def _shown(browser, address, **options):
    with browser.new_page(**options) as tab:
        asked, failed = [], []
        tab.on("request", lambda request: asked.append(request.url.removeprefix("blob:")))
        tab.on("pageerror", lambda error: failed.append(error))
        tab.on("console", lambda message: message.type == "error" and failed.append(message.text))
        tab.goto(address)
        playwright.expect(tab.locator("#status")).to_have_text("Ready.")
        yield tab
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(address).netloc}
        assert failed == []


def drop(tab, name: str, content: bytes) -> None:
    tab.evaluate(
        f"""([name, content]) => {{
            {BYTES}
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes(content)], name, {{ type: "image/jpeg" }}));
            document.body.dispatchEvent(new DragEvent("drop", {{ dataTransfer, bubbles: true, cancelable: true }}));
        }}""",
        [name, base64.b64encode(content).decode()],
    )


def answer(tab) -> float:
    playwright.expect(tab.locator("#answer")).to_be_visible()
    return float(tab.locator("#probability").get_attribute("data-value"))


def photograph(width: int, height: int) -> Image.Image:
    """Smooth, with colours all over: what JPEG is made for."""
    return Image.fromarray(noise(width, 12)).resize((width, height), Image.Resampling.BICUBIC)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # as a telephone that was held upright
    return encoded(photograph(300, 200), "JPEG", exif=exif)


PICTURES = {
    "large.jpg": encoded(photograph(640, 480), "JPEG"),
    "camera.jpg": encoded(photograph(4001, 3003), "JPEG"),
    "high.png": encoded(photograph(75, 1300), "PNG"),
    "least.png": noise_png(5, 64),
    "63.png": noise_png(6, 63),
    "high.jpg": encoded(photograph(120, 500), "JPEG", subsampling=0, quality=95),
    "grey.jpg": encoded(photograph(90, 70).convert("L"), "JPEG"),
    "turned.jpg": turned(),
    "transparent.png": encoded(Image.fromarray(np.dstack([noise(1), noise(2)[..., :1]])), "PNG"),
    "small.png": noise_png(3, 12),
    "32.webp": encoded(Image.fromarray(noise(4, 32)), "WEBP", lossless=True),
    "generated.png": reading.encode_png(scenes.images(list(scenes.RECIPES)[-1], 1)[0]),
}


VERDICTS = {"FAKE": "Looks synthetic", "REAL": "Looks like a photograph", "UNSURE": "Cannot tell"}


def test_pictures_get_the_packages_probability_and_warning(shown, tmp_path):
    detector = load_detector()
    for name, content in PICTURES.items():
        (tmp_path / name).write_bytes(content)
        drop(shown, name, content)
        playwright.expect(shown.locator("#answer")).to_be_visible()
        (expected,) = detector.predict([tmp_path / name])
        assert answer(shown) == pytest.approx(expected, abs=1e-3), name
        (verdict,) = detector.verdicts([tmp_path / name])
        playwright.expect(shown.get_by_role("heading", name=VERDICTS[verdict])).to_be_visible()
        looked, pixels = predictions.look(detector, tmp_path / name)
        assert shown.locator("#caution").text_content() == looked.warning, name
        assert np.array_equal(seen(shown), pixels), name


def seen(tab) -> np.ndarray:
    """What stands in the canvas of what the network sees."""
    url = tab.evaluate("document.getElementById('seen').toDataURL()")
    return reading.decode(base64.b64decode(url.partition(",")[2]))


def test_256_images_get_the_packages_probabilities(shown):
    images = np.concatenate([scenes.images(recipe, 37, seed=1) for recipe in scenes.RECIPES])[:256]
    found = shown.evaluate(
        f"""async (content) => {{
            {BYTES}
            const {{ load }} = await import("./detector.js");
            return Array.from((await load())(bytes(content), 256));
        }}""",
        base64.b64encode(images.tobytes()).decode(),
    )
    assert np.abs(np.array(found) - load_detector().predict(images)).max() < 1e-3


def test_the_map_shows_where_the_answer_comes_from(shown):
    """A detector that looks at one pixel alone."""
    found = shown.evaluate(
        """async () => {
            const { occlusion } = await import("./occlusion.js");
            const looked = 3 * (32 * 20 + 10);
            const predict = (images, count) => Array.from({ length: count }, (_, n) => images[n * 3072 + looked] / 256);
            return Array.from(occlusion(predict, new Uint8Array(3072).fill(255)));
        }"""
    )
    found = np.reshape(found, (32, 32))
    assert found[20, 10] == found.max() > 0 and found[2, 28] == 0


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("text.jpg", b"This is no picture.", "is not a picture"),
        ("empty.jpg", b"", "is not a picture"),
        ("cut.jpg", encoded(photograph(640, 480), "JPEG")[:900], "is not a picture|can.t be decoded"),
        ("bomb.png", encoded(Image.new("1", (8000, 5000))), "is too large: 8,000 . 5,000 pixels, and 32 million"),
    ],
)
def test_what_is_no_picture(shown, name, content, told):
    drop(shown, "good.jpg", PICTURES["large.jpg"])
    answer(shown)
    drop(shown, name, content)
    playwright.expect(shown.get_by_role("status")).to_have_text(re.compile(f"“{name}” ({told})"))
    playwright.expect(shown.locator("#answer")).to_be_hidden()
    drop(shown, "good.jpg", PICTURES["large.jpg"])
    answer(shown)


def test_keyboard_alone(shown):
    shown.on("filechooser", lambda _: None)  # from now on the browser opens no dialog of its own
    shown.keyboard.press("Tab")
    with shown.expect_file_chooser() as chooser:
        shown.keyboard.press("Space")
    chooser.value.set_files({"name": "small.png", "mimeType": "image/png", "buffer": PICTURES["small.png"]})
    answer(shown)
    playwright.expect(shown.get_by_role("status")).to_have_text(re.compile("^(Looks .*|Cannot tell): .*% probability"))


@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1280, "light")])
def test_everybody_can_read_it(browser, address, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for tab in _shown(browser, address, color_scheme=scheme, viewport={"width": width, "height": 800}):
        for _ in ("before", "after"):
            wrong = [rule for rule in axe.run(tab).response["violations"] if rule["impact"] in ("serious", "critical")]
            assert wrong == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            drop(tab, "large.jpg", PICTURES["large.jpg"])
            answer(tab)


def test_the_card_is_on_it(shown):
    card = model_card.read(PRETRAINED)
    text, native = shown.locator("main").text_content(), model_card.read(PRETRAINED_NATIVE)
    assert all(limit in text for limit in card["limits"] + native["limits"])
    for row in native["development"]:
        assert f"{100 * row['tnr']:.1f}%" in text and row["family"] in text
    for test in card["tests"].values():
        assert f"{100 * test['clean']['tpr']:.1f}%" in text


def test_models_that_it_can_not_show(tmp_path):
    assert "has no model card" in refused("page", tmp_path, "--output", tmp_path / "page")
    assert "name that one" in refused("page", PRETRAINED_NATIVE, "--output", tmp_path / "page")
    copy = Path(shutil.copytree(PRETRAINED, tmp_path / "model"))
    model_card.write(copy, {**model_card.read(copy), "kernel": "box"})
    assert "the page resizes by bilinear alone" in refused("page", copy, "--output", tmp_path / "page")
    assert not (tmp_path / "page").exists()
