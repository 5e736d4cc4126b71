"""Puts what docstrings say in prose in the form that mkdocstrings makes tables of: Google's.

"images: uint8 [n, 32, 32, 3]. threads: how many." becomes a section of arguments, or of a class's attributes, and
"Raises UserError where there is none." one of what is raised.
"""

import re
from collections.abc import Iterable
from typing import Any

import griffe


class Sections(griffe.Extension):
    """Of functions the parameters and what they raise, of classes the attributes."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        _rewrite(func, "Args", (parameter.name for parameter in func.parameters))

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        _rewrite(cls, "Attributes", cls.members)


def _rewrite(described: griffe.Object, title: str, names: Iterable[str]) -> None:
    if described.docstring:
        described.docstring.value = sections(described.docstring.value, title, names)


def sections(text: str, title: str, names: Iterable[str]) -> str:
    """The text with a section for what it says of each of `names`, and one for what is raised."""
    name = "|".join(map(re.escape, names)) or "(?!)"
    prose, described, raised = [], [], []
    for piece in re.split(rf"\n\n|(?:^|(?<=\. ))(?=(?:{name}): )|^(?=Raises )", text, flags=re.MULTILINE):
        if re.match(rf"(?:{name}): ", piece):
            described.append(piece)
        elif said := re.match(r"Raises (\w+),? ", piece):
            raised.append(f"{said[1]}: {piece[said.end() :]}")
        elif piece.strip():
            prose.append(piece)
    return "\n\n".join([*prose, *_section(title, described), *_section("Raises", raised)])


def _section(title: str, entries: list[str]) -> list[str]:
    lines = ["    " + entry.strip().replace("\n", "\n        ") for entry in entries]
    return ["\n".join([f"{title}:", *lines])] if lines else []
