"""Draws docs/house.svg: the package's wings in their layers, what each is for, and what it imports.

Layers are those that `make lint` checks (pyproject.toml), captions the first sentences of docstrings, dots the imports.
"""

import ast
import textwrap
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cifake_keras"
PICTURE = ROOT / "docs" / "house.svg"

# In pixels. LEFT and RIGHT: edges of the house; TABLE, TOP: where the table of imports begins.
LEFT, RIGHT, TABLE, TOP, ROW, GAP, COLUMN = 20, 500, 532, 130, 42, 8, 26
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #57606a }
.wing { font-weight: 600; font-size: 14px; fill: #1f2328 }
.floor { fill: #eaf2fb; stroke: #54768f }
.factor { fill: #fbe9d7 }
.roof { fill: #54768f }
.roof + text { fill: #ffffff; font-size: 15px; font-weight: 600; text-anchor: middle }
.line { stroke: #d0d7de }
.self { fill: #d0d7de }
.import { fill: #b3541e }
"""
NOTE = "A dot: the wing of its row imports that of its column. Right of the grey squares they run downward."


def layers() -> list[list[str]]:
    """The wings of each layer, from the top."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (listed,) = (each["layers"] for each in tools["importlinter"]["contracts"] if each["type"] == "layers")
    return [layer.split(" | ") for layer in listed]


def caption(wing: str) -> str:
    """The first sentence of its docstring."""
    folder = PACKAGE / wing
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.replace("\n", " ").replace("`", "").partition(". ")[0].rstrip(".")


def imports() -> set[tuple[str, str]]:
    """(wing, another wing that it imports)."""
    wings = {path: path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    return {(wing, other) for path, wing in wings.items() for other in imported(path) if other != wing}


def imported(path: Path) -> Iterator[str]:
    """The wings that a module imports from, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                package, *parts = f"{node.module}.{name.name}".split(".")
                if package == PACKAGE.name:
                    yield parts[0]


def drawn() -> str:
    """The picture, as SVG."""
    floors, tops, top = layers(), {}, TOP
    for floor in floors:
        tops |= {wing: top + ROW * number for number, wing in enumerate(floor)}
        top += ROW * len(floor) + GAP
    columns = {wing: TABLE + COLUMN * number for number, wing in enumerate(tops)}
    width, height = TABLE + COLUMN * len(tops) + 40, top + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>The wings of {PACKAGE.name} in layers, and what each imports</title>",
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_house(floors, tops),
        *_table(columns, tops, top - GAP),
        f'<text x="{LEFT}" y="{top + 16}">{NOTE}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _house(floors: list[list[str]], tops: dict[str, int]) -> Iterator[str]:
    middle = (LEFT + RIGHT) // 2
    yield f'<path class="roof" d="M{LEFT - 14} {TOP - 6} L{middle} {TOP - 96} L{RIGHT + 14} {TOP - 6} Z"/>'
    yield f'<text x="{middle}" y="{TOP - 28}">{PACKAGE.name}</text>'
    for floor in floors:
        size = f'width="{RIGHT - LEFT}" height="{ROW * len(floor)}"'
        yield f'<rect class="floor" x="{LEFT}" y="{tops[floor[0]]}" {size} rx="4"/>'
        for wing in floor:
            yield from _wing(wing, caption(wing), tops[wing])


def _wing(name: str, text: str, top: int) -> Iterator[str]:
    """text: what it is for; the three factors of the study stand out."""
    middle, lines = top + ROW / 2, textwrap.wrap(text, 62, break_on_hyphens=False)
    if text.startswith("Factor"):
        size = f'width="{RIGHT - LEFT - 6}" height="{ROW - 6}"'
        yield f'<rect class="factor" x="{LEFT + 3}" y="{top + 3}" {size} rx="3"/>'
    yield f'<text class="wing" x="{LEFT + 10}" y="{middle + 5}">{name}</text>'
    for number, line in enumerate(lines):
        y = middle + 4 + 13 * (number - (len(lines) - 1) / 2)
        yield f'<text x="{LEFT + 110}" y="{y}">{escape(line)}</text>'


def _table(columns: dict[str, int], tops: dict[str, int], bottom: int) -> Iterator[str]:
    for wing, left in columns.items():
        middle = left + COLUMN / 2
        yield f'<path class="line" d="M{middle} {TOP - 6} V{bottom}"/>'
        yield f'<text transform="translate({middle + 4} {TOP - 12}) rotate(-55)">{wing}</text>'
        yield f'<rect class="self" x="{middle - 6}" y="{tops[wing] + ROW / 2 - 6}" width="12" height="12"/>'
    for wing, other in sorted(pair for pair in imports() if set(pair) <= tops.keys()):
        yield f'<circle class="import" cx="{columns[other] + COLUMN / 2}" cy="{tops[wing] + ROW / 2}" r="5"/>'


@click.command()
def main() -> None:
    """Write docs/house.svg."""
    PICTURE.write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    main()
