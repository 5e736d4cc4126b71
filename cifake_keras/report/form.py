"""What tables, figures and pages have in common: their numbers, and tables as Markdown, CSV and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from rich import box
from rich.table import Table
from tabulate import tabulate

from cifake_keras import protocol

# Of each phase, the table of its images, that of its accuracies, and the figure of its saliency.
COUNTS = {"phase1": 1, "phase2": 2}
ACCURACIES = SALIENCY = {"phase1": 3, "phase2": 4}

# Columns of p-values, of which two digits are shown wherever they stand.
P_VALUES = ("p", "p_holm", "p_margin")

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Caption:
    """Of a figure, on the page. text: how to read it, in sentences."""

    title: str
    text: str


@dataclass(frozen=True)
class Block:
    """What one classifier reached under one evaluation, as text: a row a condition.

    columns: a title, its counts, and whether it is the paper's number.
    """

    title: str
    columns: list[tuple[str, str, bool]]
    rows: list[list[str]]

    def markdown(self) -> str:
        headings = ["Condition", *(f"{title} {counts}".strip() for title, counts, _ in self.columns)]
        return f"## {self.title}\n\n{markdown(self.rows, headings, names=1)}\n"

    def terminal(self) -> Table:
        table = Table(title=self.title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("Condition", no_wrap=True)
        for title, counts, paper in self.columns:
            heading = f"{title}\n{counts}".replace(" + ", " +\n")  # for a narrow column
            table.add_column(heading, justify="right", style="dim" if paper else "")
        for row in self.rows:
            table.add_row(*row)
        return table


def preset_line(preset: str) -> str:
    """What images a preset takes, as a sentence."""
    return f"Preset {preset}: {protocol.PRESETS[preset]}."


def percent(value: float | None) -> str:
    """A number in percent, or a dash where there is none."""
    return DASH if pd.isna(value) else f"{value:.1f}"


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[0].upper() + text[1:]


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV."""
    return frame.to_csv(index=False, lineterminator="\n")


def markdown(rows: Sequence[Sequence[str]], headings: Sequence[str], names: int) -> str:
    """A table in Markdown. names: so many of its columns are names; the others are numbers."""
    alignment = ("left",) * names + ("right",) * (len(headings) - names)
    return tabulate(rows, headings, "pipe", disable_numparse=True, colalign=alignment)
