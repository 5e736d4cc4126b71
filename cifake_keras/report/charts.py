"""Charts of the examined cells, a set a phase: the matrix of paths, robustness curves, reliability."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cifake_keras import protocol
from cifake_keras.records import examined
from cifake_keras.records.examined import Examined
from cifake_keras.report import diversity, evidence, form, isolation
from cifake_keras.report.figures import DEMO, save
from cifake_keras.report.form import Caption

_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")  # Okabe and Ito's
COLOURS = dict(zip(protocol.CONDITIONS, itertools.cycle(_PALETTE)))
_SIDE = 2.4  # inches, of a panel


def write(results_dir: Path) -> list[Path]:
    """Writes charts of the phases of the paper below `figures/`, of its classifier; none where no cell was examined."""
    phases = examined.read(results_dir)
    paths = [
        path
        for phase in phases
        if phase.phase.name in form.COUNTS
        for name, chart in CHARTS.items()
        for path in _write(results_dir / "figures" / f"{name}_{phase.phase.name}", phase, chart)
    ]
    curve = pd.DataFrame(diversity.curve(phases))
    if curve.empty:
        return paths
    return paths + save(diversity_curve(_first_classifier(curve)), results_dir / "figures" / "diversity")


def _write(stem: Path, phase: Examined, chart: "Chart") -> list[Path]:
    """Nothing where cells that earlier versions examined have no rows."""
    table = pd.DataFrame(chart.rows(phase))
    if table.empty:
        return []
    return save(chart.draw(phase, _first_classifier(table)), stem)


def _first_classifier(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["classifier"] == table["classifier"].iloc[0]]


def matrix(phase: Examined, table: pd.DataFrame) -> Figure:
    """Accuracy of every classifier (rows) on images that took each path (columns), a panel a test set."""
    figure, axes = _panels(phase, "accuracy (%) by classifier and by path of the test images", 1, _tests(table))
    for axis, (test, rows) in zip(axes[0], table.groupby("test_set", sort=False), strict=True):
        values = rows.pivot(index="condition", columns="path", values="accuracy")
        order = [name for name in protocol.CONDITIONS if name in values.index]
        _heat_map(axis, values.loc[order, [name for name in protocol.PATHS if name in values.columns]])
        axis.set_title(_title(phase, test), fontsize=8)
    axes[0][0].set_ylabel("classifier trained on", fontsize=7)
    return figure


def _heat_map(axis: Axes, values: pd.DataFrame) -> None:
    axis.imshow(values, cmap="viridis", vmin=50, vmax=100)
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        own = values.index[row] == values.columns[column]
        colour = "white" if value < 80 else "black"
        weight = "bold" if own else "normal"
        axis.text(column, row, form.percent(value), ha="center", va="center", fontsize=8, color=colour, weight=weight)
    for place, names, rotation in ((axis.set_xticks, values.columns, 30), (axis.set_yticks, values.index, 0)):
        place(range(len(names)), list(map(_path_title, names)), fontsize=7, rotation=rotation)
    axis.set_xlabel("test images took the path", fontsize=7)


def _path_title(name: str) -> str:
    return protocol.CONDITIONS[name].title if name in protocol.CONDITIONS else name.replace("_", " ")


def robustness(phase: Examined, table: pd.DataFrame) -> Figure:
    """Balanced accuracy on altered images with its interval: a row a test set, a column a kind of alteration."""
    families = list(protocol.ALTERATIONS)
    figure, axes = _panels(phase, "balanced accuracy (%) on altered images", len(_tests(table)), families)
    for row, test in zip(axes, _tests(table), strict=True):
        curves = table[table["test_set"] == test]
        for axis, (family, alteration) in zip(row, protocol.ALTERATIONS.items(), strict=True):
            _curves(axis, curves[curves["alteration"] == family], alteration.levels)
            axis.set_xlabel(alteration.title, fontsize=7)
        row[0].set_ylabel(_title(phase, test), fontsize=8)
    axes[0][0].legend(fontsize=6)
    return figure


def _curves(axis: Axes, rows: pd.DataFrame, levels: Sequence[float]) -> None:
    for condition, curve in rows.groupby("condition", sort=False):
        places = [0 if pd.isna(level) else 1 + levels.index(level) for level in curve["level"]]
        axis.errorbar(
            places, curve["balanced_accuracy"], curve["balanced_accuracy_half_width"], capsize=2, lw=1,
            color=COLOURS[condition], label=protocol.CONDITIONS[condition].title,
        )  # fmt: skip
    axis.set_xticks(range(1 + len(levels)), ["none", *(f"{level:g}" for level in levels)], fontsize=7)
    axis.set_ylim(40, 100)
    axis.axhline(50, color="grey", lw=0.5, ls=":")


def reliability(phase: Examined, table: pd.DataFrame) -> Figure:
    """The share of fakes by the probability stated, matched evaluation; the size of a point is its share of images."""
    figure, axes = _panels(phase, "reliability, matched evaluation", 1, _tests(table))
    for axis, (test, rows) in zip(axes[0], table.groupby("test_set", sort=False), strict=True):
        axis.plot([0, 1], [0, 1], color="grey", lw=0.5, ls=":")
        for condition, points in rows.groupby("condition", sort=False):
            colour, sizes = COLOURS[condition], 60 * points["images"] / points["images"].sum()
            axis.plot(points["stated"], points["fake"], color=colour, lw=1, label=protocol.CONDITIONS[condition].title)
            axis.scatter(points["stated"], points["fake"], sizes, color=colour)
        axis.set_xlabel("probability_fake", fontsize=7)
        axis.set_title(_title(phase, test), fontsize=8)
    axes[0][0].set_ylabel("share of fakes", fontsize=7)
    axes[0][0].legend(fontsize=6)
    return figure


def routes(phase: Examined, table: pd.DataFrame) -> Figure:
    """By the kernel: a row a metric, a column a condition, a curve a way of photographs and fakes to 32 px."""
    measures = {
        "auc": "AUC (%)",
        "balanced_accuracy_fixed": "balanced accuracy (%)\nat probability 0.5",
        "balanced_accuracy_validation": "balanced accuracy (%)\nat validation's threshold",
    }
    conditions = list(table["condition"].unique())
    figure, axes = _panels(phase, "photographs and fakes of one size on their way to 32 px", len(measures), conditions)
    for row, (measure, title) in zip(axes, measures.items(), strict=True):
        for axis, condition in zip(row, conditions, strict=True):
            _ways(axis, table[table["condition"] == condition], measure)
        row[0].set_ylabel(title, fontsize=7)
    for axis, condition in zip(axes[0], conditions, strict=True):
        axis.set_title(protocol.CONDITIONS[condition].title, fontsize=8)
    options = {"title": "photographs, fakes", "fontsize": 7, "title_fontsize": 7}
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, **options)
    return figure


def _ways(axis: Axes, rows: pd.DataFrame, measure: str) -> None:
    scale = 100 if measure == "auc" else 1
    for number, (ways, curve) in enumerate(rows.groupby(["photographs", "fakes"], sort=False)):
        # Side by side, so that no interval hides another.
        places = [protocol.KERNELS.index(kernel) + 0.15 * number - 0.2 for kernel in curve["kernel"]]
        values, widths = scale * curve[measure], scale * curve[f"{measure}_half_width"]
        axis.errorbar(places, values, widths, fmt="o", ms=3, lw=1, color=_PALETTE[number], label=", ".join(ways))
    axis.set_xticks(range(len(protocol.KERNELS)), protocol.KERNELS, fontsize=6, rotation=30)
    axis.set_ylim(40, 100)
    axis.axhline(50, color="grey", lw=0.5, ls=":")


def diversity_curve(table: pd.DataFrame) -> Figure:
    """AUC by the number of pairs that are not CIFAKE's, a curve a condition."""
    figure = Figure(figsize=(4.2, 3.0), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("Training on more diverse images, at one total", fontsize=9, weight="bold", x=0.01, ha="left")
    axis = figure.subplots()
    for condition, curve in table.groupby("condition", sort=False):
        axis.errorbar(
            curve["pairs"], curve["auc"], curve["auc_half_width"], capsize=2, lw=1,
            color=COLOURS[condition], label=protocol.CONDITIONS[condition].title,
        )  # fmt: skip
    axis.set_xlabel("pairs that are not CIFAKE's, of 10,000", fontsize=7)
    axis.set_ylabel("AUC on generators that no training has", fontsize=7)
    axis.tick_params(labelsize=7)
    figure.legend(loc="outside lower center", ncols=4, fontsize=6)
    return figure


def _tests(table: pd.DataFrame) -> list[str]:
    return list(table["test_set"].unique())


def _title(phase: Examined, test_set: str) -> str:
    return next(test.title for test in phase.phase.examined if test.name == test_set)


def _panels(phase: Examined, what: str, rows: int, columns: list[str]) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(_SIDE * len(columns) + 1.2, _SIDE * rows + 0.8), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    demo = f"\n{DEMO}" if phase.preset == "demo" else ""
    figure.suptitle(f"{phase.phase.title}: {what}{demo}", fontsize=9, weight="bold", x=0.01, ha="left")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
    return figure, axes


@dataclass(frozen=True)
class Chart:
    """What draws it, the rows that it shows, and what the page says of it."""

    draw: Callable[[Examined, pd.DataFrame], Figure]
    rows: Callable[[Examined], Iterable[dict]]
    caption: Caption


DIVERSITY = Caption(
    "AUC by the number of pairs that are not CIFAKE's",
    "A curve a condition, on generators that no training has. Bars are 95% intervals.",
)

# By the beginning of its file's name.
CHARTS = {
    "matrix": Chart(
        matrix,
        evidence.matrix,
        Caption(
            "Every classifier on every path",
            "Accuracy in percent: rows are the condition that a classifier was trained on, columns the path that the "
            "test images took. Bold: its own path.",
        ),
    ),
    "routes": Chart(
        routes,
        isolation.routes,
        Caption(
            "The way to 32 pixels",
            "A row a metric, a column a condition, by the kernel that resizes: a colour a way of photographs and of "
            "fakes. Bars are 95% intervals.",
        ),
    ),
    "robustness": Chart(
        robustness,
        evidence.robustness,
        Caption(
            "Altered images",
            "Balanced accuracy in percent, a row a test set, a column a kind of alteration, stronger to the right. "
            "Bars are 95% intervals; the dotted line is chance.",
        ),
    ),
    "reliability": Chart(
        reliability,
        evidence.reliability,
        Caption(
            "Reliability",
            "The share of fakes among images by the probability stated: on the dotted line they agree. The size of a "
            "point is its share of the images.",
        ),
    ),
}
