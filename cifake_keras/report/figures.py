"""Figures 1 to 4, from the protocol and the examples.npz files of a results folder.

Nothing here goes through pyplot: figures hold no global state and need no display.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.examples import EXAMPLES, Examples
from cifake_keras.report import form
from cifake_keras.runtime.files import replacing

# Perceptually uniform, and readable with any colour vision.
MAP = "inferno"

# At 200 dpi a panel of so many inches shows every pixel of a 32 px image as 4 or 7 dots.
SMALL, LARGE = 0.64, 1.12

TEXT, HEADING, TITLE = 7, 8, 9  # points
LINE = 0.13  # inches, of a line of TEXT
WIDTH = 5.0  # inches, at least: titles and notes need it
DEMO = "Procedural images made by this package, not the paper's data"
NOTE = (
    "The images are drawn at random, one a test set.\n"
    "P(fake): probability_fake. Saliency: the gradient of the score with respect to the classifier's input;\n"
    "in the autoencoder's conditions also, through the whole path, to the original image (last column)."
)


def write(results_dir: Path) -> list[Path]:
    """Writes `figures/` below a results folder: figure 2 always, the others of the phases with examples.

    Raises UserError where the examples are damaged.
    """
    paths = {name: cells.phase_folder(results_dir, name) / EXAMPLES for name in form.SALIENCY}
    examples = {name: Examples.load(path) for name, path in paths.items() if path.exists()}
    figures = {2: paths_of_conditions()}
    for name in examples:
        figures[form.SALIENCY[name]] = saliency(examples[name], name)
    if examples:
        first = next(iter(examples))
        figures[1] = inputs_of_conditions(examples[first], first)
    folder = results_dir / "figures"
    return [path for number in sorted(figures) for path in save(figures[number], folder / f"figure{number}")]


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes a figure as PNG and PDF; returns both."""
    # Without a date, the same results give the same file.
    formats: dict[str, dict[str, Any]] = {
        ".png": {"dpi": 200},
        ".pdf": {"dpi": 400, "metadata": {"CreationDate": None}},
    }
    for suffix, options in formats.items():
        with replacing(stem.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, **options)
    return [stem.with_suffix(suffix) for suffix in formats]


class Page:
    """A figure measured in inches from its top left corner: text keeps its distance at any number of rows."""

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def image(self, left: float, top: float, size: float, pixels: np.ndarray) -> None:
        axes = self.axes(left, top, size, size)
        axes.imshow(pixels, cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
        axes.set_axis_off()

    def text(self, left: float, top: float, text: str, size: int = TEXT, **style: Any) -> None:
        centred: dict[str, Any] = {"ha": "center", "va": "center"}
        self.figure.text(left / self.width, 1 - top / self.height, text, fontsize=size, **centred | style)


# Figure 1


def inputs_of_conditions(examples: Examples, phase: str) -> Figure:
    """Figure 1: each example as it is, perturbed, and through the autoencoder."""
    columns = [("Original", examples.images), ("Perturbed", examples.perturbed)]
    columns += [(path.title, examples.inputs[:, index]) for index, path in examples.paths() if _has_network(path)]
    left, top, step = 0.8, 0.62, LARGE + 0.08
    rows = len(examples.test_sets)
    page = Page(max(WIDTH, left + len(columns) * step), top + rows * step)
    _head(page, f"Figure 1. What the classifier sees, {examples.phase(phase).title}", examples)
    for column, (title, images) in enumerate(columns):
        page.text(left + column * step + LARGE / 2, top - 0.1, title, HEADING)
        for row in range(rows):
            page.image(left + column * step, top + row * step, LARGE, shown(images[row]))
    for row in range(rows):
        page.text(left / 2, top + row * step + LARGE / 2, examples.row_label(row, phase))
    return page.figure


def _has_network(condition: protocol.Condition) -> bool:
    """Then the classifier's input is not just the image, and saliency is shown of both."""
    return any(step.network for step in condition.steps)


def shown(image: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], whatever rounding did at the ends."""
    return image / 255 if image.dtype == np.uint8 else np.clip(image, 0, 1)


def _head(page: Page, title: str, examples: Examples) -> None:
    page.text(0.1, 0.14, title, TITLE, ha="left", weight="bold")
    if str(examples.preset) == "demo":
        page.text(0.1, 0.3, DEMO, HEADING, ha="left", style="italic")


# Figure 2

BOX_HEIGHT, LANE, GAP = 0.42, 0.66, 0.25
# What sets the lanes apart, step by step; the rest is grey.
COLOURS = dict(zip(protocol.STEPS, itertools.cycle(("#f6d5a8", "#bcd9ea", "#cfe3c4", "#dccbe6"))))
GREY = "#eeeeee"

# Left edge and width of a box.
Place = tuple[float, float]


def paths_of_conditions() -> Figure:
    """Figure 2: the path of an image to the classifier, a lane a condition."""
    places = _places()
    page = Page(sum(places["probability_fake"]) + 0.1, 0.4 + LANE * len(protocol.PAPER_CONDITIONS))
    page.text(0.1, 0.14, "Figure 2. The path of an image under each condition", TITLE, ha="left", weight="bold")
    axes = page.axes(0, 0, page.width, page.height)
    axes.set(xlim=(0, page.width), ylim=(page.height, 0))  # inches from the top left corner, as the page
    axes.set_axis_off()
    for lane, name in enumerate(protocol.PAPER_CONDITIONS):
        _lane(page, axes, 0.4 + LANE * lane + BOX_HEIGHT / 2, protocol.CONDITIONS[name], places)
    return page.figure


def _places() -> dict[str, Place]:
    """Of each box by its name, from left to right: a step that a lane skips leaves its place empty."""
    before, after = ([s.name for s in protocol.PAPER_STEPS if s.range == of] for of in (protocol.UNIT, protocol.SIGNED))
    widths = {"image": 0.6, **dict.fromkeys(before, 0.85), "scale": 0.8, **dict.fromkeys(after, 0.85)}
    places, left = {}, 1.05
    for name, width in (widths | {"CNN": 0.6, "probability_fake": 1.1}).items():
        places[name] = (left, width)
        left = round(left + width + GAP, 2)
    return places


def _lane(page: Page, axes: Axes, middle: float, condition: protocol.Condition, places: dict[str, Place]) -> None:
    page.text(0.1, middle, condition.title, HEADING, ha="left", weight="bold")
    low = "\N{MINUS SIGN}1" if condition.range == protocol.SIGNED else "0"
    steps = {step.name: step.title for step in condition.steps}
    texts = {name: name for name in places} | {"scale": f"scale to\n[{low}, 1]"} | steps
    boxes = [name for name in places if name not in protocol.STEPS or name in steps]
    for name in boxes:
        left, width = places[name]
        _box(axes, left, middle, width, COLOURS.get(name, GREY))
        page.text(left + width / 2, middle, texts[name])
    for name, following in itertools.pairwise(boxes):
        arrow = {"arrowstyle": "-|>", "color": "black", "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
        start, end = (sum(places[name]), middle), (places[following][0], middle)
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow)


def _box(axes: Axes, left: float, middle: float, width: float, colour: str) -> None:
    style = "round,pad=0,rounding_size=0.06"
    corner = (left, middle - BOX_HEIGHT / 2)
    axes.add_patch(FancyBboxPatch(corner, width, BOX_HEIGHT, style, facecolor=colour, edgecolor="#444444", lw=0.8))


# Figures 3 and 4


def saliency(examples: Examples, phase: str) -> Figure:
    """Figures 3 and 4: a row an example; for each condition the classifier's input and saliency."""
    left, top, step, gap = 0.75, 0.94, SMALL + 0.04, 0.12
    widths = [step * (3 if _has_network(path) else 2) + gap for _, path in examples.paths()]
    rows = len(examples.test_sets)
    row_step = SMALL + 2 * LINE
    page = Page(max(WIDTH, left + sum(widths) + 0.55), top + rows * row_step + 4 * LINE)
    _head(page, f"Figure {form.SALIENCY[phase]}. Saliency, {examples.phase(phase).title}", examples)
    for row in range(rows):
        page.text(left / 2, top + row * row_step + SMALL / 2, examples.row_label(row, phase))
    for (index, path), width in zip(examples.paths(), widths, strict=True):
        _saliency_group(page, examples, index, path, (left, top), (step, row_step))
        left += width
    _colour_bar(page, left, top, rows * row_step - 2 * LINE)
    page.text(0.1, page.height - 2.3 * LINE, NOTE, ha="left")
    return page.figure


def _saliency_group(
    page: Page,
    examples: Examples,
    index: int,
    path: protocol.Condition,
    corner: tuple[float, float],
    steps: tuple[float, float],
) -> None:
    left, top = corner
    columns = [("input", examples.inputs), ("saliency\n(input)", examples.input_saliency)]
    if _has_network(path):
        columns.append(("saliency\n(image)", examples.image_saliency))
    width = (len(columns) - 1) * steps[0] + SMALL
    page.text(left + width / 2, top - 0.4, path.title, HEADING, weight="bold")
    for column, (heading, arrays) in enumerate(columns):
        page.text(left + column * steps[0] + SMALL / 2, top - 0.05, heading, va="bottom")
        for row, image in enumerate(arrays[:, index]):
            page.image(left + column * steps[0], top + row * steps[1], SMALL, shown(image))
    for row, probability in enumerate(examples.probability_fake[:, index]):
        page.text(left + width / 2, top + row * steps[1] + SMALL + 0.7 * LINE, f"P(fake) {probability:.2f}")


def _colour_bar(page: Page, left: float, top: float, height: float) -> None:
    bar = page.figure.colorbar(ScalarMappable(Normalize(0, 1), MAP), cax=page.axes(left, top, 0.1, height))
    bar.set_label("relative saliency", fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT, length=2, pad=2)
    bar.set_ticks([0, 0.5, 1])
