"""results/report.html: what the tables and figures of a results folder show, on one page for any browser.

It needs no server and no network; its pictures lie beside it in `figures/`.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.records.scores import SIMILARITY
from cifake_keras.report import form, topologies
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import write_text

# Of columns, but for metrics.
HEADINGS = {
    **{"n_real": "Real", "n_fake": "Fake", "n": "Images", "a": "A", "b": "B", "path": "Images took the path"},
    **{"p": "p", "p_holm": "p (Holm)", "p_margin": "p (margin)", "mcnemar_p": "McNemar's p, by seed"},
    **{"classifier_a": "Classifier", "classifier_b": "Classifier"},
    **{"auc_p": "p", "balanced_accuracy_p": "p", "pairs": "Pairs not CIFAKE's"},
    "balanced_accuracy_fixed": "Balanced accuracy at 0.5",
    "balanced_accuracy_validation": "At the threshold of validation",
}

# Of what stands in columns of names.
NAMES = {
    **{name: condition.title for name, condition in protocol.CONDITIONS.items()},
    **{name: form.capital(classifier.title) for name, classifier in protocol.CLASSIFIERS.items()},
    **protocol.SALIENCY,
    **{protocol.ANY: form.DASH, protocol.FIXED: "0.5", protocol.AT_VALIDATION: "of validation"},
    **{"gini": "Gini", "top_share": "share of the top 10%", SIMILARITY: "correlation with random weights' map"},
}


@dataclass(frozen=True)
class _Section:
    """A table of a CSV file. names, values: its columns. fractions: rates are, and no percentages."""

    file: str
    title: str
    note: str
    names: tuple[str, ...]
    values: tuple[str, ...]
    fractions: bool = False


@dataclass(frozen=True)
class _Part:
    """A part of the page. phases: whose rows its tables show. pictures: patterns of the names of its figures."""

    title: str
    phases: tuple[str, ...]
    sections: tuple[_Section, ...]
    pictures: tuple[str, ...]


def _parts(preset: str) -> tuple[_Part, ...]:
    phases = protocol.phases(preset)
    named = {section.file: section for section in _sections()}
    return (
        *(
            _Part(phases[name].title, (name,), _sections(), (f"figure{form.SALIENCY[name]}", f"*_{name}"))
            for name in form.ACCURACIES
        ),
        _Part("More diverse training sets", tuple(phases), (_DIVERSITY,), ("diversity",)),
        _Part("Systems", (protocol.SYSTEMS_PHASE,), (_SYSTEMS, named["verdicts"], named["generators"]), ()),
    )


_DIVERSITY = _Section(
    "diversity",
    "Pairs that are not CIFAKE's",
    "At one total of 10,000 images a class, so many photographs and fakes of other sources; the mean over "
    "generators that no training has, balanced accuracy in percent, and the differences from CIFAKE alone; their "
    "p-values are not corrected.",
    ("condition", "pairs"),
    ("auc", "balanced_accuracy", "auc_difference", "auc_p", "balanced_accuracy_difference", "balanced_accuracy_p"),
)

_SYSTEMS = _Section(
    "systems",
    "Systems side by side",
    "Trained and tested on the same images: accuracy in-sample; AUC, and balanced accuracy at the threshold of "
    "validation, as means over the generators of a test set. Accuracies in percent.",
    ("classifier", "condition", "test_set"),
    ("seeds", "accuracy", "auc", "balanced_accuracy"),
)


def _sections() -> tuple[_Section, ...]:
    """Of a phase of the paper."""
    rates = [name for name, metric in METRICS.items() if metric.percent]
    return (
        _Section(
            "verdicts",
            "Verdicts",
            "By the rule of docs/protocol.md, written before the runs. A minus B in points, of AUC in hundredths, "
            "matched; p (Holm) is corrected over all questions of the family, p (margin) is that of a difference of 2 "
            "points or more.",
            ("classifier_a", "a", "classifier_b", "b", "test_set", "metric", "threshold"),
            ("difference", "verdict", "p_holm", "p", "p_margin", "within_margin"),
        ),
        _Section(
            "reproductions",
            "The paper's numbers",
            "Accuracy in percent: the paper's, and where another study of the paper's size would fall in 95 of 100 "
            "cases.",
            ("condition", "test_set"),
            ("paper", "predicted", "seeds", "verdict"),
        ),
        _Section(
            "generators",
            "Photographs and fakes of one size",
            "Every generator against the same photographs, all cut to one size and compressed alike before they are "
            "resized. Balanced accuracy in percent, at probability 0.5 and at the threshold that is best for the "
            "validation images.",
            ("condition", "evaluation", "generator"),
            ("auc", "balanced_accuracy_fixed", "balanced_accuracy_validation", "n_real", "n_fake"),
        ),
        _Section(
            "routes",
            "The way to 32 pixels",
            "The same photographs and fakes, clean, the mean over generators: direct, or by way of 64 pixels and JPEG, "
            "as tiny-imagenet's photographs are; resized with each kernel.",
            ("condition", "photographs", "fakes", "kernel"),
            ("auc", "balanced_accuracy_fixed", "balanced_accuracy_validation"),
        ),
        _Section(
            "accuracies",
            "Accuracy",
            "In percent, with the half-width of the 95% interval over seeds and test images together. Matched: "
            "perturbed conditions are tested on perturbed images, as in the paper; clean: test images untouched. "
            "Inside: whether the paper's number lies in the interval.",
            ("condition", "evaluation", "test_set"),
            (
                "seeds",
                "accuracy",
                "paper",
                "inside",
                *(name for name in rates if name != "accuracy"),
                "n_real",
                "n_fake",
            ),
        ),
        _Section(
            "comparisons",
            "Conditions compared",
            "A minus B in points, on the same images and seeds. "
            "Holm's correction is over all comparisons of the phase.",
            ("a", "b", "evaluation", "test_set"),
            ("difference", "p", "p_holm", "mcnemar_p"),
        ),
        _Section(
            "matrix",
            "Every classifier on every path",
            "Tells a classifier that learnt something more general from test images that were made easier or harder.",
            ("condition", "path", "test_set"),
            (*rates, "auc"),
        ),
        _Section(
            "controls",
            "Controls",
            "Clean images: as they are; without those that are in the training set, pixel for pixel; all "
            "compressed as CIFAKE's files are; resized with another kernel. The difference is from the baseline, "
            "on the same images; its p-values are not corrected.",
            ("condition", "control", "test_set"),
            (*rates, "difference", "p"),
        ),
        _Section(
            "topologies",
            "Bird & Lotfi's topologies",
            "In percent, in-sample, baseline: convolutions, each with a pool, and the dense layers behind them. Theirs "
            "reach 92.98% at best, as their abstract says.",
            ("filters", "convolutions", "units", "dense"),
            ("seeds", *topologies.MEASURES),
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
            "A row a seed. Thresholds: fixed at 0.5; chosen on validation images by balanced accuracy, and "
            "frozen; the oracle, chosen on the test images themselves, which no user has. Values are of kept "
            "scores, good to three digits.",
            ("condition", "seed", "evaluation", "test_set", "threshold_choice"),
            ("threshold", *METRICS),
            fractions=True,
        ),
        _Section(
            "dispersion",
            "Saliency, measured",
            "How far importance is spread over the pixels of in-sample test images drawn at random. More "
            "dispersed: higher entropy, lower Gini, lower share of the top 10%. Differences are from the condition "
            "named, on the same images; p (Holm) is corrected over the whole table.",
            ("condition", "method", "measure", "against"),
            ("value", "difference", "p", "p_holm", "n"),
            fractions=True,
        ),
    )


def write(results_dir: Path) -> Path:
    """Writes report.html into a results folder. Raises UserError where its tables have not been made."""
    if not (results_dir / "tables" / "grid.csv").exists():
        raise UserError(f"{results_dir} has no tables; make them: cifake-keras tables --results-dir {results_dir}")
    preset = pd.read_csv(results_dir / "tables" / "grid.csv")["preset"].iloc[0]
    parts = [_filled(results_dir, preset, part) for part in _parts(preset)]
    page = Environment(loader=PackageLoader("cifake_keras.report"), autoescape=True).get_template("report.html")
    path = results_dir / "report.html"
    write_text(path, page.render(preset=form.preset_line(preset), parts=[part for part in parts if part["tables"]]))
    return path


def _filled(results_dir: Path, preset: str, part: _Part) -> dict:
    names = NAMES | {name: metric.title for name, metric in METRICS.items()}
    tests = {test.name: test.title for phase in protocol.phases(preset).values() for test in phase.examined}
    tables = (_table(results_dir, part, section, names | tests) for section in part.sections)
    figures = results_dir / "figures"
    pictures = itertools.chain.from_iterable(sorted(figures.glob(f"{pattern}.png")) for pattern in part.pictures)
    return {
        "title": part.title,
        "tables": [table for table in tables if table],
        "pictures": [path.relative_to(results_dir).as_posix() for path in pictures],
    }


def _table(results_dir: Path, part: _Part, section: _Section, titles: dict[str, str]) -> dict | None:
    """None where it has no rows."""
    file = f"table{form.ACCURACIES[part.phases[0]]}" if section.file == "accuracies" else section.file
    path = results_dir / "tables" / f"{file}.csv"
    if not path.exists():
        return None
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    rows = rows[rows["phase"].isin(part.phases)] if "phase" in rows else rows
    # All of one classifier: its name would only take room.
    one = {name for name in rows if name.startswith("classifier") and rows[name].nunique() == 1}
    names = [name for name in section.names if name in rows and name not in one]
    values = [name for name in section.values if name in rows]
    rows = rows.fillna(dict.fromkeys(names, form.DASH))
    texts = [
        [str(titles.get(row[name], row[name])) for name in names]
        + [_number(row, name, section.fractions) for name in values]
        for row in rows.to_dict("records")
    ]
    of = HEADINGS | {name: metric.title for name, metric in METRICS.items()}
    headings = [of.get(name, name.replace("_", " ").capitalize()) for name in (*names, *values)]
    about = {"file": path.relative_to(results_dir).as_posix(), "title": section.title, "note": section.note}
    return about | {"headings": headings, "rows": texts, "names": len(names)} if texts else None


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
    if name in ("seeds", "n", "n_real", "n_fake"):
        return 0
    if name in form.P_VALUES:
        return None
    if metric := METRICS.get(name.removesuffix("_difference")):
        return metric.digits + (2 if metric.percent and fractions else 0)
    return 3 if fractions else 1
