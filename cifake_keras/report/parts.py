"""What the page shows, part by part: which tables with which columns, which figures, and what is said of them."""

from dataclasses import dataclass

from cifake_keras import protocol
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.records.scores import SIMILARITY
from cifake_keras.report import form, topologies
from cifake_keras.report.charts import CHARTS, DIVERSITY
from cifake_keras.report.form import Caption

# Of columns, but for metrics.
HEADINGS = {
    **{"n_real": "Real", "n_fake": "Fake", "n": "Images", "a": "A", "b": "B", "path": "Images took the path"},
    **{"p": "p", "p_holm": "p (Holm)", "p_margin": "p (margin)", "mcnemar_p": "McNemar's p, by seed"},
    **{"classifier_a": "Classifier", "classifier_b": "Classifier"},
    **{"auc_p": "p", "balanced_accuracy_p": "p", "pairs": "Pairs not CIFAKE's"},
    **{"training_seconds": "Training, s", "milliseconds": "An answer, ms"},
    "balanced_accuracy_fixed": "Balanced accuracy at 0.5",
    "balanced_accuracy_validation": "At the threshold of validation",
}

# Of what stands in columns of names.
NAMES = {
    **{phase.name: phase.title for phase in (*protocol.DEMO_PHASES, *protocol.PAPER_PHASES, *protocol.DIVERSE_PHASES)},
    **{name: condition.title for name, condition in protocol.CONDITIONS.items()},
    **{name: form.capital(classifier.title) for name, classifier in protocol.CLASSIFIERS.items()},
    **protocol.SALIENCY,
    **{protocol.ANY: form.DASH, protocol.FIXED: "0.5", protocol.AT_VALIDATION: "of validation"},
    **{"gini": "Gini", "top_share": "share of the top 10%", SIMILARITY: "correlation with random weights' map"},
}


# Of the figures that are no charts.
CAPTIONS = {
    "figure1": Caption(
        "What the classifier sees", "The same images as they are, and after the steps of each condition that has some."
    ),
    "figure2": Caption(
        "The path of an image under each condition", "A box a step; what a condition skips is left out."
    ),
    **{
        f"figure{number}": Caption(
            "What the classifiers look at",
            "Fakes drawn at random, a row a test set: for each condition what its classifier sees, and the saliency of "
            "the vanilla gradient.",
        )
        for number in form.SALIENCY.values()
    },
    "diversity": DIVERSITY,
    "input_size": Caption(
        "AUC by input size",
        "Each family of Stable Diffusion's fakes told by what learned from the others, of the same pictures made "
        "smaller or cropped (docs/native.md). Bars are 95% intervals over pictures.",
    ),
    **{f"{name}_{phase}": chart.caption for name, chart in CHARTS.items() for phase in form.SALIENCY},
}


@dataclass(frozen=True)
class Section:
    """A table of a CSV file. names, values: its columns. fractions: rates are, and no percentages.

    is_open: from the beginning; the others are opened by a click.
    """

    file: str
    title: str
    note: str
    names: tuple[str, ...]
    values: tuple[str, ...]
    fractions: bool = False
    is_open: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the page. phases: whose rows its tables show. figures: their files, without endings.

    answers: whether it begins with what its tables say, in sentences. mistakes: whether it shows those of its phase.
    """

    title: str
    phases: tuple[str, ...]
    sections: tuple[Section, ...]
    figures: tuple[str, ...] = ()
    answers: bool = False
    mistakes: bool = False


def parts(preset: str) -> tuple[Part, ...]:
    """In the order of the page: the answers come first."""
    phases = protocol.phases(preset)
    named = {section.file: section for section in _sections()}
    return (
        Part("Verdicts", tuple(phases), (_VERDICTS, _REPRODUCTIONS), answers=True),
        Part("Conditions", (), (), ("figure2", "figure1")),
        *(
            Part(
                phases[name].title,
                (name,),
                _sections(),
                (*(f"{chart}_{name}" for chart in CHARTS), f"figure{form.SALIENCY[name]}"),
                mistakes=True,
            )
            for name in form.ACCURACIES
        ),
        Part("More diverse training sets", tuple(phases), (_DIVERSITY,), ("diversity",)),
        Part("Systems", (protocol.SYSTEMS_PHASE,), (_SYSTEMS, _COSTS, named["generators"])),
        Part("What 32 pixels cost", (), (), ("input_size",)),
    )


_VERDICTS = Section(
    "verdicts",
    "Questions asked before the runs",
    "By the rule of docs/protocol.md, written before the runs. A minus B in points, of AUC in hundredths, matched; "
    "p (Holm) is corrected over all questions of the family, p (margin) is that of a difference of 2 points or more.",
    ("phase", "classifier_a", "a", "classifier_b", "b", "test_set", "metric", "threshold", "verdict"),
    ("difference", "p_holm", "p", "p_margin"),
    is_open=True,
)

_REPRODUCTIONS = Section(
    "reproductions",
    "The paper's numbers",
    "Accuracy in percent: the paper's, and where another study of the paper's size would fall in 95 of 100 cases.",
    ("phase", "condition", "test_set", "verdict"),
    ("paper", "predicted", "seeds"),
    is_open=True,
)

_DIVERSITY = Section(
    "diversity",
    "Pairs that are not CIFAKE's",
    "At one total of 10,000 images a class, so many photographs and fakes of other sources; the mean over "
    "generators that no training has, balanced accuracy in percent, and the differences from CIFAKE alone; their "
    "p-values are not corrected.",
    ("condition", "pairs"),
    ("auc", "balanced_accuracy", "auc_difference", "auc_p", "balanced_accuracy_difference", "balanced_accuracy_p"),
    is_open=True,
)

_SYSTEMS = Section(
    "systems",
    "Systems side by side",
    "Trained and tested on the same images: accuracy in-sample; AUC, and balanced accuracy at the threshold of "
    "validation, as means over the generators of a test set. Accuracies in percent.",
    ("classifier", "condition", "test_set"),
    ("seeds", "accuracy", "auc", "balanced_accuracy"),
    is_open=True,
)

_COSTS = Section(
    "costs",
    "What systems cost",
    "By scripts/costs.py. Training: seconds of one cell with the networks that it needs, as recorded where it was "
    "trained. An answer: milliseconds an image, in batches, on all cores of one machine.",
    ("classifier", "condition"),
    ("parameters", "training_seconds", "milliseconds"),
)


def _sections() -> tuple[Section, ...]:
    """Of a phase of the paper."""
    rates = [name for name, metric in METRICS.items() if metric.percent]
    return (
        Section(
            "generators",
            "Photographs and fakes of one size",
            "Every generator against the same photographs, all cut to one size and compressed alike before they are "
            "resized. Balanced accuracy in percent, at probability 0.5 and at the threshold that is best for the "
            "validation images.",
            ("condition", "classifier", "evaluation", "generator"),
            ("auc", "balanced_accuracy_fixed", "balanced_accuracy_validation", "n_real", "n_fake"),
        ),
        Section(
            "routes",
            "The way to 32 pixels",
            "The same photographs and fakes, clean, the mean over generators: direct, or by way of 64 pixels and JPEG, "
            "as tiny-imagenet's photographs are; resized with each kernel.",
            ("condition", "classifier", "photographs", "fakes", "kernel"),
            ("auc", "balanced_accuracy_fixed", "balanced_accuracy_validation"),
        ),
        Section(
            "accuracies",
            "Accuracy",
            "In percent, with the half-width of the 95% interval over seeds and test images together. Matched: "
            "perturbed conditions are tested on perturbed images, as in the paper; clean: test images untouched. "
            "Inside: whether the paper's number lies in the interval.",
            ("condition", "classifier", "evaluation", "test_set"),
            (
                "seeds",
                "accuracy",
                "paper",
                "inside",
                *(name for name in rates if name != "accuracy"),
                "n_real",
                "n_fake",
            ),
            is_open=True,
        ),
        Section(
            "comparisons",
            "Conditions compared",
            "A minus B in points, on the same images and seeds. "
            "Holm's correction is over all comparisons of the phase.",
            ("a", "b", "classifier", "evaluation", "test_set"),
            ("difference", "p", "p_holm", "mcnemar_p"),
        ),
        Section(
            "matrix",
            "Every classifier on every path",
            "Tells a classifier that learnt something more general from test images that were made easier or harder.",
            ("condition", "classifier", "path", "test_set"),
            (*rates, "auc"),
        ),
        Section(
            "controls",
            "Controls",
            "Clean images: as they are; without those that are in the training set, pixel for pixel; all "
            "compressed as CIFAKE's files are; resized with another kernel. The difference is from the baseline, "
            "on the same images; its p-values are not corrected.",
            ("condition", "classifier", "control", "test_set"),
            (*rates, "difference", "p"),
        ),
        Section(
            "topologies",
            "Bird & Lotfi's topologies",
            "In percent, in-sample, baseline: convolutions, each with a pool, and the dense layers behind them. Which "
            "is best is for the validation accuracy to say. Theirs reach 92.98% at best, as their abstract says.",
            ("filters", "convolutions", "units", "dense"),
            ("seeds", *topologies.MEASURES),
        ),
        Section(
            "breakdown",
            "By source, generator and CIFAR-10 class",
            "Matched: the share of right answers, apart for real images (TNR) and fakes (TPR).",
            ("condition", "classifier", "test_set", "by", "group", "rate"),
            ("value", "n"),
        ),
        Section(
            "metrics",
            "Other metrics and thresholds",
            "A row a seed. Thresholds: fixed at 0.5; chosen on validation images by balanced accuracy, and "
            "frozen; the oracle, chosen on the test images themselves, which no user has. Values are of kept "
            "scores, good to three digits.",
            ("condition", "classifier", "seed", "evaluation", "test_set", "threshold_choice"),
            ("threshold", *METRICS),
            fractions=True,
        ),
        Section(
            "dispersion",
            "Saliency, measured",
            "How far importance is spread over the pixels of in-sample test images drawn at random. More "
            "dispersed: higher entropy, lower Gini, lower share of the top 10%. Differences are from the condition "
            "named, on the same images; p (Holm) is corrected over the whole table.",
            ("condition", "classifier", "method", "measure", "against"),
            ("value", "difference", "p", "p_holm", "n"),
            fractions=True,
        ),
    )
