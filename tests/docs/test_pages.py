"""Every command and every line of Python in docs/, run as a newcomer would, in a clone; and what pages refer to."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from newcomer import (
    ELSEWHERE,
    LINKED,
    PAGES,
    README,
    ROOT,
    STUDY,
    Clone,
    blocks,
    clone,
    commands,
    provide_archives,
    provide_pictures,
)

from cifake_keras import __version__
from cifake_keras.cli import main


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Clone:
    """Where the data are prepared as docs/study.md tells; docs/data.md has them where `make paper` puts them."""
    folder = tmp_path_factory.mktemp("prepared")
    prepared = clone(folder)
    provide_pictures(folder)
    provide_archives(folder)
    for command in commands(STUDY):
        if command.startswith("cifake-keras data prepare ") and command not in ELSEWHERE:
            prepared.do(command)
    (folder / "paper").mkdir()
    (folder / "paper" / "data").symlink_to("../data")
    return prepared


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page not in (README, STUDY)])
def test_what_a_page_tells_to_do_can_be_done(page, prepared, tmp_path):
    prepared.copy(tmp_path / "clone").follow(page)


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def mentioned(page: str) -> Iterator[str]:
    """Commands in running text: whatever is set as code, and begins as one does."""
    for code in re.findall(r"`([^`]+)`", prose(ROOT / page)):
        if re.match(r"(cifake-keras|make|python scripts/\S+) ", code + " "):
            yield re.sub(r"\s+", " ", code)


@pytest.mark.parametrize("page", LINKED)
def test_commands_in_running_text_exist(page):
    for command in mentioned(page):
        name, *arguments = command.split()
        if name == "cifake-keras":
            assert set(options(arguments)) <= known(arguments), command
        elif name == "make":
            subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, check=True)
        else:
            assert (ROOT / arguments[0]).is_file(), command


def options(arguments: list[str]) -> Iterator[str]:
    yield from (argument for argument in arguments if argument.startswith("--"))


def known(arguments: list[str]) -> set[str]:
    """The options of the command that they name."""
    command: click.Command = main
    for argument in arguments:
        if isinstance(command, click.Group):
            assert argument in command.commands, " ".join(arguments)
            command = command.commands[argument]
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_nothing_is_left_out_without_need():
    assert ELSEWHERE.keys() <= {command for page in PAGES for command in commands(page)}


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", prose(ROOT / page)):
        if not target.startswith("http"):
            path = (ROOT / page).parent / target if target else ROOT / page
            assert path.exists(), target
            assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """As GitHub names its headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page, pattern", [("CITATION.cff", r"^version: (.+)$"), ("README.md", r"version = {(.+)}")])
def test_the_version_is_the_package_s_own(page, pattern):
    assert re.findall(pattern, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE) == [__version__]


def test_every_result_is_explained():
    listed = subprocess.run(["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    entries = {Path(name).parts[1] for name in listed.splitlines()} - {"README.md"}
    links = re.findall(r"\]\(([^)]*)\)", (ROOT / "results" / "README.md").read_text(encoding="utf-8"))
    assert {Path(link).parts[0] for link in links} - {".."} == entries
