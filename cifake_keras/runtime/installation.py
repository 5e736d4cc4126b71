"""The packages that are installed, against what this package's metadata asks for. Imports none of them."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from cifake_keras.runtime.checks import ABSENT, BROKEN, READY, Check
from cifake_keras.runtime.text import named

PACKAGE = "cifake-keras"

# Those whose versions are told even where nothing is wrong with them.
_TOLD = ("tensorflow", "keras", "ai-edge-litert", "click")


def checks() -> Iterator[Check]:
    """This package, Python, the packages that are required, and the extras."""
    yield Check("packages", PACKAGE, READY, version(PACKAGE))
    yield _python()
    for requirement in _required(PACKAGE):
        wrong = _wrong(requirement)
        if wrong or requirement.name in _TOLD:
            yield _package(requirement, wrong)
    for extra in metadata(PACKAGE).get_all("Provides-Extra") or []:
        yield _extra(extra)


def _python() -> Check:
    asked = SpecifierSet(metadata(PACKAGE)["Requires-Python"])
    state = READY if asked.contains(platform.python_version(), prereleases=True) else BROKEN
    return Check("packages", "python", state, f"{platform.python_version()}, {asked} is asked for")


def _package(requirement: Requirement, wrong: list[str]) -> Check:
    if wrong:
        return Check("packages", requirement.name, BROKEN, named(wrong), f"pip install '{requirement}'")
    details = f"{version(requirement.name)}, {requirement.specifier} is asked for"
    return Check("packages", requirement.name, READY, details)


def _extra(extra: str) -> Check:
    wrong = [reason for requirement in _required(PACKAGE, extra) for reason in _wrong(requirement)]
    if wrong:
        return Check("extras", extra, ABSENT, named(wrong), f"pip install '{PACKAGE}[{extra}]'")
    told = [f"{of.name} {version(of.name)}" for of in _required(PACKAGE, extra) if of.name in _TOLD]
    return Check("extras", extra, READY, ", ".join(["installed", *told]))


def _required(package: str, extra: str = "") -> list[Requirement]:
    """What a package always needs; with an extra, what that needs beside."""
    listed = [Requirement(text) for text in requires(package) or []]
    needed = [of for of in listed if not of.marker or of.marker.evaluate({"extra": extra})]
    return [of for of in needed if bool(extra) == (of.marker is not None and "extra" in str(of.marker))]


def _wrong(requirement: Requirement) -> list[str]:
    """What is missing or does not fit, with what the requirement's own extras need."""
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return [f"{requirement.name} is not installed"]
    if not requirement.specifier.contains(installed, prereleases=True):
        return [f"{requirement.name} is {installed}, {requirement.specifier} is asked for"]
    needed = [of for extra in sorted(requirement.extras) for of in _required(requirement.name, extra)]
    return [reason for of in needed for reason in _wrong(of)]
