"""The site of the documentation: it is built without a warning, holds every public name, and needs no other server."""

import ast
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from newcomer import ROOT

pytest.importorskip("mkdocs", reason="`make docs` installs it")
pytestmark = pytest.mark.slow

PACKAGE = ROOT / "cifake_keras"


class Links(HTMLParser):
    """targets: what a page shows and leads to. names: its anchors. loaded: what a browser fetches for it."""

    def __init__(self, page: Path):
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.loaded: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names.add(attributes.get("id") or "")
        self.targets += filter(None, (attributes.get("href"), attributes.get("src")))
        if tag in ("script", "link", "img"):
            self.loaded += filter(None, (attributes.get("href"), attributes.get("src")))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Links]:
    """But the theme's own, 404.html, whose links are absolute, and the pages of results, which link to nothing."""
    paths = (path for path in site.rglob("*.html") if path.name != "404.html")
    return {path: Links(path) for path in paths if path.relative_to(site).as_posix() != "results/report.html"}


def test_every_link_leads_somewhere(pages):
    for page, links in pages.items():
        for target in links.targets:
            scheme, _, path, _, anchor = urlsplit(target)
            goal = (page.parent / unquote(path)).resolve() if path else page
            if not scheme and not re.search(r"javascript:|^#__", target):
                assert goal.exists(), f"{page}: {target}"
                assert not anchor or goal not in pages or unquote(anchor) in pages[goal].names, f"{page}: {target}"


def test_nothing_is_fetched_from_elsewhere(pages):
    assert not [url for links in pages.values() for url in links.loaded if urlsplit(url).netloc]


def public(module: Path) -> Iterator[str]:
    """The functions and classes of a module, and the methods of these."""
    name = ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    nodes = [(name, node) for node in ast.parse(module.read_text(encoding="utf-8")).body]
    for owner, node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{owner}.{node.name}"
            if isinstance(node, ast.ClassDef):
                nodes += [(f"{owner}.{node.name}", inner) for inner in node.body]


def test_every_public_name_is_in_the_reference(site):
    _, _, _, _, packed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    listed = {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}
    modules = [path for path in PACKAGE.rglob("*.py") if path.name == "__init__.py" or not path.name.startswith("_")]
    wanted = {name for module in modules for name in public(module)}
    assert {"cifake_keras.load_detector", "cifake_keras.Detector"} <= listed
    assert not wanted - listed


def test_parameters_and_errors_become_sections():
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    from docstrings import sections

    said = "Kept: [n].\n\nimages: uint8 [n], or\npaths. threads: how many.\nRaises UserError where there are\nnone."
    assert sections(said, "Args", ["images", "threads"]) == (
        "Kept: [n].\n\nArgs:\n    images: uint8 [n], or\n        paths.\n    threads: how many.\n\n"
        "Raises:\n    UserError: where there are\n        none."
    )
