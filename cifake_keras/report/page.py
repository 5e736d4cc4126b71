"""results/report.html: what the tables and figures of a results folder show, on one page for any browser.

It is one file that needs no server and no network.
"""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.report import answers, form, mistakes, pictures
from cifake_keras.report.parts import CAPTIONS, HEADINGS, NAMES, Part, Section, parts
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import write_text

# Columns, or their beginnings, that are left out where all rows have one value.
_SAID_ONCE = ("classifier", "phase")


def write(results_dir: Path) -> Path:
    """Writes report.html into a results folder. Raises UserError where its tables have not been made."""
    if not (results_dir / "tables" / "grid.csv").exists():
        raise UserError(f"{results_dir} has no tables; make them: cifake-keras tables --results-dir {results_dir}")
    preset = pd.read_csv(results_dir / "tables" / "grid.csv")["preset"].iloc[0]
    names = _names(preset)
    filled = [_filled(results_dir, part, names) for part in parts(preset)]
    shown = [part for part in filled if part["tables"] or part["figures"]]
    templates = Environment(
        loader=PackageLoader("cifake_keras.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    text = templates.get_template("report.html").render(preset=form.preset_line(preset), parts=shown)
    path = results_dir / "report.html"
    write_text(path, text)
    return path


def _names(preset: str) -> dict[str, str]:
    """Titles of what stands in columns of names."""
    tests = {test.name: test.title for phase in protocol.phases(preset).values() for test in phase.examined}
    return NAMES | {name: metric.title for name, metric in METRICS.items()} | tests


def _filled(results_dir: Path, part: Part, names: dict[str, str]) -> dict:
    read = {section: _rows(results_dir, part, section) for section in part.sections}
    tables = {section: rows for section, rows in read.items() if len(rows)}
    by_file = {section.file: rows for section, rows in tables.items()}
    return {
        "title": part.title,
        "answers": list(answers.sentences(by_file, names)) if part.answers else [],
        "tables": [_table(_file(part, section), section, rows, names) for section, rows in tables.items()],
        "figures": [figure for stem in part.figures if (figure := _figure(results_dir, stem))],
        "mistakes": mistakes.galleries(results_dir, part.phases[0], names) if part.mistakes else [],
    }


def _figure(results_dir: Path, stem: str) -> dict | None:
    """None where it was not drawn."""
    path = results_dir / "figures" / f"{stem}.png"
    if not path.exists():
        return None
    return {"caption": CAPTIONS[stem], "picture": pictures.of_file(path), "file": f"figures/{stem}.pdf"}


def _file(part: Part, section: Section) -> str:
    table = f"table{form.ACCURACIES[part.phases[0]]}" if section.file == "accuracies" else section.file
    return f"tables/{table}.csv"


def _rows(results_dir: Path, part: Part, section: Section) -> pd.DataFrame:
    """Those of a table that belong to a part; none where it was not made."""
    path = results_dir / _file(part, section)
    if not path.exists():
        return pd.DataFrame()
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return rows[rows["phase"].isin(part.phases)] if "phase" in rows else rows


def _table(file: str, section: Section, rows: pd.DataFrame, titles: dict[str, str]) -> dict:
    # A phase is named above the rows then.
    one = {name for name in section.names if name.startswith(_SAID_ONCE) and name in rows and rows[name].nunique() == 1}
    names = [name for name in section.names if name in rows and name not in one]
    note = f"{section.note} All of {titles[rows['phase'].iloc[0]]}." if "phase" in one else section.note
    values = [name for name in section.values if name in rows]
    rows = rows.fillna(dict.fromkeys(names, form.DASH))
    texts = [
        [str(titles.get(row[name], row[name])) for name in names]
        + [_number(row, name, section.fractions) for name in values]
        for row in rows.to_dict("records")
    ]
    of = HEADINGS | {name: metric.title for name, metric in METRICS.items()}
    headings = [of.get(name, name.replace("_", " ").capitalize()) for name in (*names, *values)]
    return {"section": section, "note": note, "file": file, "headings": headings, "rows": texts, "names": len(names)}


def _number(row: dict, name: str, fractions: bool) -> str:
    """As it stands in the CSV, rounded; with its half-width where there is one."""
    value = row[name]
    width = row.get(f"{name}_half_width", row.get("half_width") if name in ("accuracy", "value") else None)
    if pd.isna(value):
        return form.DASH
    if isinstance(value, str):
        return value
    digits = _digits(name, fractions)
    text = f"{value:.2g}" if digits is None else f"{value:,.{digits}f}"
    return text if width is None or pd.isna(width) else f"{text} \N{PLUS-MINUS SIGN} {width:.{digits}f}"


def _digits(name: str, fractions: bool) -> int | None:
    """None: two digits, wherever they stand."""
    if name in ("seeds", "n", "n_real", "n_fake", "parameters", "training_seconds"):
        return 0
    if name in form.P_VALUES:
        return None
    if metric := METRICS.get(name.removesuffix("_difference")):
        return metric.digits + (2 if metric.percent and fractions else 0)
    return 3 if fractions else 1
