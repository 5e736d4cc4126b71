"""Writes the pages whose numbers are results: each template of docs/templates/ to the place that PAGES names.

A number in a template is a lookup in a table of results/tables, or in another of its files: `value("verdicts",
"difference", a="autoencoded", ...)`. So a page cannot say what the tables do not, and a test compares pages and tables.
"""

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from cifake_keras import protocol

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "docs" / "templates"
PAGES = {
    "README.md": ROOT / "README.md",
    "replication.md": ROOT / "docs" / "replication.md",
}

# By what a question is answered, and where FAKE begins.
MEASURES = {
    ("auc", protocol.ANY): "AUC",
    ("balanced_accuracy", protocol.AT_VALIDATION): "balanced accuracy at the threshold of validation",
    ("accuracy", protocol.FIXED): "accuracy at 0.5",
}

MINUS = "\N{MINUS SIGN}"


class Results:
    """The tables of a results folder, as CSV."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._tables: dict[str, pd.DataFrame] = {}

    def rows(self, table: str, **where: Any) -> list[dict]:
        """Those whose columns have the values of `where`. table: a path below the folder, or a name in `tables/`."""
        if table not in self._tables:
            name = f"{table}.csv" if "/" in table else f"tables/{table}.csv"
            self._tables[table] = pd.read_csv(self._folder / name, keep_default_na=False, na_values=[""])
        rows = self._tables[table]
        for column, wanted in where.items():
            rows = rows[rows[column] == wanted]
        return rows.to_dict("records")

    def row(self, table: str, **where: Any) -> dict:
        """Raises ValueError unless it is exactly one."""
        rows = self.rows(table, **where)
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows of {table} have {where}")
        return rows[0]

    def value(self, table: str, column: str, **where: Any) -> str:
        """A number with its half-width, where it has one: "93.4 ± 0.6"."""
        return number(self.row(table, **where), column)

    def difference(self, a: str, b: str, **where: Any) -> dict:
        """The row of `comparisons` of two conditions, a minus b."""
        (row,) = (row for row in self.rows("comparisons", **where) if {row["a"], row["b"]} == {a, b})
        return row if row["a"] == a else row | {"a": a, "b": b, "difference": -row["difference"]}


def number(row: dict, column: str, digits: int | None = None, sign: str = "") -> str:
    """digits: after the point; else three of an AUC, and one of a percentage."""
    digits = digits or (3 if column.startswith("auc") else 1)
    width = row.get(f"{column}_half_width", row.get("half_width"))
    text = f"{row[column]:{sign}.{digits}f}".replace("-", MINUS)
    return text if width is None or pd.isna(width) else f"{text} \N{PLUS-MINUS SIGN} {width:.{digits}f}"


def signed(row: dict, column: str, digits: int | None = None) -> str:
    """The same of a difference, with its sign: "+1.3 ± 0.4"."""
    return number(row, column, digits, "+")


def p_value(value: float) -> str:
    """Two digits, or the bound below which it lies."""
    return f"{value:.2g}" if value >= 0.001 else "below 0.001"


def render(name: str, results_dir: Path = ROOT / "results") -> str:
    """The page of a template, of the tables below `results_dir`."""
    results = Results(results_dir)
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(  # nosec B701: Markdown, of templates of our own
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"p": p_value, "number": number, "signed": signed, "thousands": "{:,}".format}
    return environment.get_template(name).render(
        titles={name: condition.title for name, condition in protocol.CONDITIONS.items()},
        tests={test.name: test.title for phase in protocol.PAPER_PHASES for test in phase.examined},
        conditions=protocol.PAPER_CONDITIONS,
        paper=protocol.PAPER_ACCURACY["phase1"],
        paper2=protocol.PAPER_ACCURACY["phase2"],
        kernels=protocol.KERNELS,
        pairs=[sum(draw.images for draw in phase.train.real[1:]) for phase in protocol.DIVERSE_PHASES],
        measures=MEASURES,
        saliency=protocol.SALIENCY,
        **{of: getattr(results, of) for of in ("rows", "row", "value", "difference")},
    )


def main() -> None:
    for name, path in PAGES.items():
        path.write_text(render(name))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
