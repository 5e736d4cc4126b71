"""Which pages the site has: those that mkdocs.yml names, the reference, and whatever they link to, in turn.

Each has the path that it has in the repository. So links lead on the site where they lead on GitHub, and MkDocs checks
them. What is no Markdown has a page too: a module its reference, a folder what is in it, a notebook what it shows. Data
are there as files.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cifake_keras"

FIGURES = ".png", ".svg"
SOURCES = {".py": "python", ".sh": "sh", ".cff": "yaml"}


class Written(File):
    """A page that is written of what is no Markdown."""

    def is_documentation_page(self) -> bool:
        return True


@event_priority(100)  # other plugins see these files
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs."""
    reference = modules(PACKAGE)
    config.nav = [*config.nav, {"Reference": reference}]
    shown = Files([file for file in files if file.src_dir != config.docs_dir])  # the theme's
    wanted = [*leaves(config.nav), *config.extra_css]
    while wanted:
        path = wanted.pop()
        if not shown.get_file_from_path(path) and (ROOT / path).exists():
            for file in made(path, config):
                shown.append(file)
                wanted += links(file)
    return shown


def modules(package: Path) -> list[dict[str, Any]]:
    """The public modules of a package, and of the packages in it, as a part of the navigation."""
    entries: list[dict[str, Any]] = [{package.name: f"{package.relative_to(ROOT)}/__init__.py"}]
    for path in sorted(package.iterdir()):
        if (path / "__init__.py").exists():
            entries.append({path.name: modules(path)})
        elif path.suffix == ".py" and not path.name.startswith("_"):
            entries.append({path.stem: str(path.relative_to(ROOT))})
    return entries


def leaves(nav: Any) -> Iterator[str]:
    """The paths that a part of the navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(entry)


def links(file: File) -> Iterator[str]:
    """The paths in the repository that a page leads to."""
    if file.is_documentation_page():
        prose = re.sub(r"^```.*?^```$", "", file.content_string, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", prose):
            yield normpath(PurePosixPath(file.src_uri).parent / target)


def made(path: str, config: MkDocsConfig) -> Iterator[File]:
    """What shows a path of the repository."""
    source = ROOT / path
    if source.is_dir():
        yield Written.generated(config, path, content=folder(source))
    elif source.suffix == ".ipynb":
        yield from notebook(path, config)
    elif source.is_relative_to(PACKAGE) and source.suffix == ".py":
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        yield Written.generated(config, path, content=f"::: {module}\n")
    elif source.suffix in SOURCES:
        content = f"# {path}\n\n````{SOURCES[source.suffix]}\n{source.read_text()}\n````\n"
        yield Written.generated(config, path, content=content)
    else:
        yield File(path, str(ROOT), config.site_dir, config.use_directory_urls)


def folder(source: Path) -> str:
    """The tables and the figures of a folder, and links to all its files."""
    paths = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    tables = [re.sub(r"^#", "##", path.read_text(), flags=re.MULTILINE) for path in paths if path.suffix == ".md"]
    names = [str(path.relative_to(source.parent)) for path in paths]
    figures = [f"![{name}]({name})" for name in names if name.endswith(FIGURES)]
    listed = "\n".join(f"- [{name}]({name})" for name in names)
    return "\n\n".join([f"# {source.relative_to(ROOT)}", *tables, *figures, "## Files", listed])


def notebook(path: str, config: MkDocsConfig) -> Iterator[File]:
    """With the pictures that it shows, and itself for those who want to run it."""
    name = PurePosixPath(path)
    content, resources = MarkdownExporter().from_filename(str(ROOT / path), {"output_files_dir": name.stem})
    content += f"\n[The notebook](download/{name.name})\n"
    yield Written.generated(config, path, content=content)
    yield File.generated(config, f"{name.parent}/download/{name.name}", abs_src_path=str(ROOT / path))
    for picture, pixels in resources["outputs"].items():
        yield File.generated(config, f"{name.parent}/{picture}", content=pixels)
