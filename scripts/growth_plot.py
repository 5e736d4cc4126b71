"""The picture of what scripts/growth.py measured: docs/growth.svg."""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from cifake_keras.report.charts import COLOURS
from cifake_keras.runtime import files

PICTURE = Path(__file__).parents[1] / "docs" / "growth.svg"
FIRST, SECOND = list(COLOURS.values())[:2]


def write(growth: dict) -> None:
    """growth: what results/growth.json holds; costs that were not measured are left out."""
    matplotlib.rcParams["svg.hashsalt"] = "growth"  # the same numbers give the same file
    figure = Figure(figsize=(7.6, 4.8), facecolor="white", layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(2, 3).flat
    for (cost, draw), axis in zip(PANELS, panels, strict=True):
        axis.tick_params(labelsize=7)
        if cost in growth:
            draw(axis, growth[cost]["measured"])
            axis.set_xlabel(f"{axis.get_xlabel()}\n{growth[cost]['processor']['kind']}", fontsize=7)
        else:
            axis.set_axis_off()
    with files.replacing(PICTURE) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def speed(axis: Axes, rows: list[dict]) -> None:
    _line(axis, rows, "images", "images_a_second", FIRST)
    axis.set(xscale="log", ylim=(0, None), xlabel="prepared images")
    axis.set_title("training, images/s", fontsize=8)


def memory(axis: Axes, rows: list[dict]) -> None:
    rows = [row | {"gib": row["peak_memory_bytes"] / 2**30} for row in rows]
    _line(axis, rows, "images", "gib", FIRST)
    axis.set(xscale="log", ylim=(0, None), xlabel="prepared images")
    axis.set_title("peak memory of a training, GiB", fontsize=8)


def beginning(axis: Axes, rows: list[dict]) -> None:
    _line(axis, rows, "images", "composing_seconds", FIRST, "splits of a phase, once")
    _line(axis, rows, "images", "beginning_an_epoch_seconds", SECOND, "order of an epoch")
    axis.set(xscale="log", yscale="log", xlabel="prepared images")
    axis.set_title("before the first batch, s", fontsize=8)
    axis.legend(fontsize=6)


def examination(axis: Axes, rows: list[dict]) -> None:
    _line(axis, rows, "cells", "seconds", FIRST)
    axis.set(ylim=(0, None), xlabel="cells")
    axis.set_title("examine, s", fontsize=8)


def tables(axis: Axes, rows: list[dict]) -> None:
    _line(axis, rows, "cells", "seconds", FIRST)
    axis.set(xscale="log", ylim=(0, None), xlabel="finished cells")
    axis.set_title("tables, s", fontsize=8)


def preparing(axis: Axes, rows: list[dict]) -> None:
    axis.bar([row["work"] for row in rows], [row["images_a_second"] for row in rows], color=FIRST)
    axis.set_title("preparing JPEGs, images/s", fontsize=8)


def _line(axis: Axes, rows: list[dict], x: str, y: str, colour: str, label: str | None = None) -> None:
    axis.plot([row[x] for row in rows], [row[y] for row in rows], "o-", color=colour, lw=1, ms=4, label=label)


PANELS = (
    ("training", speed),
    ("training", memory),
    ("training", beginning),
    ("examination", examination),
    ("tables", tables),
    ("preparing", preparing),
)
