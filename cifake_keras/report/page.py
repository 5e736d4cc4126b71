"""results/report.html: what the tables and figures of a results folder show, on one page for any browser.

It needs no server and no network; its pictures lie beside it in `figures/`.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader

from cifake_keras import protocol
from cifake_keras.report.tables import DASH, NUMBERS, PRESETS
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import write_text

TITLES = {
    **{name: condition.title for name, condition in protocol.CONDITIONS.items()},
    **{"auc": "AUC", "nll": "NLL", "ece": "ECE", "n_real": "Real", "n_fake": "Fake"},
    **{"a": "A", "b": "B", "condition": "Classifier", "path": "Images took the path", "test_set": "Test set"},
    **{"tpr": "TPR", "tnr": "TNR", "p": "p", "p_holm": "p (Holm)", "mcnemar_p": "McNemar's p, by seed", "n": "Images"},
    **{"vanilla_gradient": "vanilla gradient", "smoothgrad": "SmoothGrad", "grad_cam": "Grad-CAM", "gini": "Gini"},
    **{"top_share": "share of the top 10%", "similarity_to_random": "correlation with random weights' map"},
}


@dataclass(frozen=True)
class _Section:
    """A table of a CSV file. names: so many columns are names; keep: the rows that are shown, as a pandas query."""

    file: str
    title: str
    note: str
    names: tuple[str, ...]
    values: tuple[str, ...]
    keep: str = ""


_RATES = ("accuracy", "balanced_accuracy", "tpr", "tnr")
SECTIONS = (
    _Section(
        "accuracies",
        "Accuracy",
        "In percent, with the half-width of the 95% interval over seeds and test images together. Matched: perturbed "
        "conditions are tested on perturbed images, as in the paper; clean: test images untouched. Inside: whether the "
        "paper's number lies in the interval.",
        ("condition", "evaluation", "test_set"),
        ("seeds", "accuracy", "paper", "inside", "tpr", "tnr", "n_real", "n_fake"),
    ),
    _Section(
        "comparisons",
        "Conditions compared",
        "A minus B in points, on the same images and seeds. Holm's correction is over all comparisons of the phase.",
        ("a", "b", "evaluation", "test_set"),
        ("difference", "p", "p_holm", "mcnemar_p"),
    ),
    _Section(
        "matrix",
        "Every classifier on every path",
        "Tells a classifier that learnt something more general from test images that were made easier or harder.",
        ("condition", "path", "test_set"),
        (*_RATES, "auc"),
    ),
    _Section(
        "controls",
        "Controls",
        "Clean images: as they are; without those that are in the training set, pixel for pixel; all compressed as "
        "CIFAKE's files are; resized with another kernel. The difference is from the baseline, on the same images; its "
        "p-values are not corrected.",
        ("condition", "control", "test_set"),
        (*_RATES, "difference", "p"),
    ),
    _Section(
        "breakdown",
        "By source, generator and CIFAR-10 class",
        "Matched: the share of right answers, apart for real images (TNR) and fakes (TPR).",
        ("condition", "test_set", "by", "group", "rate"),
        ("value", "n"),
    ),
    _Section(
        "metrics",
        "Other metrics and thresholds",
        "A row a seed. Thresholds: fixed at 0.5; chosen on validation images by balanced accuracy, and frozen; the "
        "oracle, chosen on the test images themselves, which no user has.",
        ("condition", "seed", "evaluation", "test_set", "threshold_choice"),
        ("threshold", "accuracy", "balanced_accuracy", "auc", "average_precision", "nll", "ece"),
    ),
    _Section(
        "dispersion",
        "Saliency, measured",
        "How far importance is spread over the pixels of in-sample test images drawn at random. More dispersed: higher "
        "entropy, lower Gini, lower share of the top 10%. The difference is from the baseline, on the same images; its "
        "p-values are not corrected.",
        ("condition", "method", "measure"),
        ("value", "difference", "p", "n"),
    ),
)


def write(results_dir: Path) -> Path:
    """Writes report.html into a results folder. Raises UserError where its tables have not been made."""
    if not (results_dir / "tables" / "grid.csv").exists():
        raise UserError(f"{results_dir} has no tables; make them: cifake-keras tables --results-dir {results_dir}")
    phases = [_phase(results_dir, name) for name in NUMBERS]
    page = Environment(loader=PackageLoader("cifake_keras.report"), autoescape=True).get_template("report.html")
    path = results_dir / "report.html"
    write_text(path, page.render(phases=[phase for phase in phases if phase["tables"]]))
    return path


def _phase(results_dir: Path, name: str) -> dict:
    preset = pd.read_csv(results_dir / "tables" / "grid.csv")["preset"].iloc[0]
    pictures = [f"figure{NUMBERS[name][1]}", *(f"{kind}_{name}" for kind in ("matrix", "robustness", "reliability"))]
    there = [f"figures/{picture}.png" for picture in pictures]
    phase = protocol.phases(preset)[name]
    return {
        "title": phase.title,
        "preset": f"Preset {preset}: {PRESETS[preset]}.",
        "tables": [table for section in SECTIONS if (table := _table(results_dir, phase, section))],
        "pictures": [picture for picture in there if (results_dir / picture).exists()],
    }


def _table(results_dir: Path, phase: protocol.Phase, section: _Section) -> dict | None:
    file = f"table{NUMBERS[phase.name][1]}" if section.file == "accuracies" else section.file
    path = results_dir / "tables" / f"{file}.csv"
    if not path.exists():
        return None
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    rows = rows.query("phase == @phase.name") if "phase" in rows else rows
    tests = {test.name: test.title for test in phase.tests}
    names = [name for name in section.names if name in rows]
    values = [name for name in section.values if name in rows]
    texts = [
        [_name(row[name], tests) for name in names] + [_number(row, name) for name in values]
        for row in rows.to_dict("records")
    ]
    headings = [TITLES.get(name, name.replace("_", " ").capitalize()) for name in (*names, *values)]
    told = {"file": path.relative_to(results_dir).as_posix(), "title": section.title, "note": section.note}
    return told | {"headings": headings, "rows": texts, "names": len(names)} if texts else None


def _name(value: object, tests: dict[str, str]) -> str:
    return tests.get(value) or TITLES.get(value) or str(value)


def _number(row: dict, name: str) -> str:
    """As it stands in the CSV, rounded; with its half-width where there is one."""
    value = row[name]
    width = row.get(f"{name}_half_width", row.get("half_width") if name in ("accuracy", "value") else None)
    if pd.isna(value):
        return DASH
    if isinstance(value, str):
        return value
    digits = _digits(name, row)
    text = f"{value:.2g}" if digits is None else f"{value:,.{digits}f}"
    return text if width is None or pd.isna(width) else f"{text} \N{PLUS-MINUS SIGN} {width:.{digits}f}"


def _digits(name: str, row: dict) -> int | None:
    if name in ("seeds", "n", "n_real", "n_fake"):
        return 0
    if name in ("p", "p_holm"):
        return None
    fractions = "threshold_choice" in row or "method" in row or name == "auc"
    return 3 if fractions else 1
