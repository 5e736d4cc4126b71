"""A small study made of nothing: archives in the layouts of the real ones, prepared once for all tests."""

import os
import shutil
from pathlib import Path

import pytest
from support import cifake_members, picture, write_zip

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as processes.import_tensorflow does, which tests come before


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """Prepared: CIFAKE (100 + 40 a class), tiny-imagenet (60 photographs), SDv1.5 (20 images)."""
    from cifake_keras.sources import prepared

    origin, folder = tmp_path_factory.mktemp("origin"), tmp_path_factory.mktemp("data")
    cifake = write_zip(origin / "archive.zip", cifake_members())
    photographs = {f"tiny-imagenet-200/train/n01/images/n01_{i}.JPEG": picture(i + 500, False, 64) for i in range(50)}
    photographs |= {f"tiny-imagenet-200/val/images/val_{i}.JPEG": picture(i + 900, False, 64) for i in range(10)}
    imagenet = write_zip(origin / "tiny-imagenet-200.zip", photographs)
    sdv15 = write_zip(origin / "sd.zip", {f"sd/{i}.png": picture(i + 700, True, 96) for i in range(20)})
    prepared.prepare("cifake", folder, origin=cifake)
    prepared.prepare("tiny_imagenet", folder, origin=imagenet)
    prepared.prepare("image_folder", folder, origin=sdv15, title="SDv1.5", label="FAKE")
    return folder


@pytest.fixture(scope="module")
def browser():
    """Chromium, without the network that it asks for by itself. Skips where it is not there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or pytest.skip("needs chromium")
    options = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


# Minutes each.
LONGEST = "docs/test_pages", "study/test_grid", "scripts/test_kills", "docs/test_study", "docs/test_readme"


def pytest_collection_modifyitems(items):
    """The longest files come first, then those with slow tests, so that processes which share them end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    first = {Path(__file__).parent / f"{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (first.get(item.path, len(LONGEST)), item.path not in slow))
