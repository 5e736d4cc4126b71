"""Writes the pages whose numbers are results: each template of docs/templates/ to the place that PAGES names.

A number in a template is a lookup in a table of results/tables, or in another of its files: `value("verdicts",
"difference", a="autoencoded", ...)`. So a page cannot say what the tables do not, and a test compares pages and tables.
"""

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from cifake_keras import protocol
from cifake_keras.detector import PRETRAINED, PRETRAINED_NATIVE, model_card

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "docs" / "templates"
PAGES = {
    "README.md": ROOT / "README.md",
    "replication.md": ROOT / "docs" / "replication.md",
    "systems.md": ROOT / "docs" / "systems.md",
    "native.md": ROOT / "docs" / "native.md",
    "thumbnails.md": ROOT / "docs" / "thumbnails.md",
}

# The systems with a row; of the backbones that need a network the linear probe.
AUTOENCODERS = ("taef2", "taef2_64", "taesd", "taesdxl", "taesd3", "taef1", "sd3_vae")
AT_HAND = ("taef2", "clip_vit_b16", "efficientnet_lite0")  # weights that come from a snapshot or a package

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

    def find(self, table: str, **where: Any) -> dict | None:
        """The row, or None where there is none, or no such table."""
        try:
            return next(iter(self.rows(table, **where)), None)
        except FileNotFoundError:
            return None

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


def fetched(step: protocol.Step) -> str:
    """The name of the weights that only a network brings; empty of those that are at hand."""
    name = step.weights.name if step.weights else ""
    return "" if name in AT_HAND else name


HEADS = [
    *(
        f"{backbone}_{head}"
        for backbone in ("clip_vit_b16_112", "efficientnet_lite0")
        for head in ("linear", "neighbours", "dense", "random_linear")
    ),
    *(f"{name}_linear" for name, step in protocol.BACKBONES.items() if fetched(step)),
]


def systems() -> dict[tuple[str, str], str]:
    """What a classifier behind a condition is called: the condition, or a head that sees images as they are."""
    paper = {("paper", name): condition.title for name, condition in protocol.CONDITIONS.items()}
    return paper | {(name, "baseline"): protocol.CLASSIFIERS[name].title for name in HEADS}


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
        measures=MEASURES,
        saliency=protocol.SALIENCY,
        systems=systems(),
        heads=[
            (name, protocol.CLASSIFIERS[name].title, fetched(protocol.CLASSIFIERS[name].backbone)) for name in HEADS
        ],
        pretrained={name: fetched(protocol.CONDITIONS[name].steps[-1]) for name in AUTOENCODERS},
        human=protocol.HUMAN_ERROR,
        card=model_card.read(PRETRAINED_NATIVE),
        small=model_card.read(PRETRAINED),
        **{of: getattr(results, of) for of in ("rows", "row", "find", "value", "difference")},
    )


def main() -> None:
    for name, path in PAGES.items():
        path.write_text(render(name))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
