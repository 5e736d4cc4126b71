"""Charts of the examined cells, a set a phase: the matrix of paths, robustness curves, reliability."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cifake_keras import protocol
from cifake_keras.records import examined
from cifake_keras.records.examined import Examined
from cifake_keras.report import evidence
from cifake_keras.report.figures import DEMO, save
from cifake_keras.report.form import percent

_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")  # Okabe and Ito's
COLOURS = dict(zip(protocol.CONDITIONS, itertools.cycle(_PALETTE)))
_SIDE = 2.4  # inches, of a panel


def write(results_dir: Path) -> list[Path]:
    """Writes charts below `figures/`, of the paper's classifier; none where no cell has been examined."""
    drawn = {
        "matrix": (matrix, evidence.matrix),
        "robustness": (robustness, evidence.robustness),
        "reliability": (reliability, evidence.reliability),
    }
    return [
        path
        for phase in examined.read(results_dir)
        for name, (draw, rows) in drawn.items()
        for path in _write(results_dir / "figures" / f"{name}_{phase.phase.name}", phase, draw, rows)
    ]


def _write(stem: Path, phase: Examined, draw: Callable, rows: Callable) -> list[Path]:
    """Nothing where cells that earlier versions examined have no rows."""
    table = pd.DataFrame(rows(phase))
    if table.empty:
        return []
    return save(draw(phase, table[table["classifier"] == table["classifier"].iloc[0]]), stem)


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
        axis.text(column, row, percent(value), ha="center", va="center", fontsize=8, color=colour, weight=weight)
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


def _tests(table: pd.DataFrame) -> list[str]:
    return list(table["test_set"].unique())


def _title(phase: Examined, test_set: str) -> str:
    return next(test.title for test in phase.phase.tests if test.name == test_set)


def _panels(phase: Examined, what: str, rows: int, columns: list[str]) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(_SIDE * len(columns) + 1.2, _SIDE * rows + 0.8), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    demo = f"\n{DEMO}" if phase.preset == "demo" else ""
    figure.suptitle(f"{phase.phase.title}: {what}{demo}", fontsize=9, weight="bold", x=0.01, ha="left")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
    return figure, axes
