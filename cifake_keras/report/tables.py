"""Tables 1 to 4 and the grid, from the metrics.json files of a results folder."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from tabulate import tabulate

from cifake_keras import protocol
from cifake_keras.records.examined import Examined, read
from cifake_keras.report import evidence
from cifake_keras.report.evidence import HalfWidths, half_widths
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import read_json, write_text

# Of each phase, the table of its images and that of its accuracies.
NUMBERS = {"phase1": (1, 3), "phase2": (2, 4)}

METRICS = ("accuracy", "balanced_accuracy", "tpr", "tnr", "auc", "average_precision", "ece", "threshold")
SELECTIONS = {
    "sweep": "chosen by validation accuracy in a sweep",
    "fixed": "fixed, not swept",
    "fast": "the fast recipe's, chosen by validation accuracy",
}
PRESETS = {
    "paper": "every source at the paper's counts",
    "available": "of each source what was there, up to the paper's count",
    "demo": "procedural images made by this package, not the paper's data",
}
FEATURES = {"colour": "colour", "spectrum": "spectrum", "colour_spectrum": "both"}  # of the audit's floor
DASH = "\N{EN DASH}"
INTERVALS = (
    "\N{PLUS-MINUS SIGN}: half-width of the 95% interval over seeds and test images together; in or out: "
    "whether the paper's number lies in it. The interval of a single seed is that of the images alone."
)
FLOOR = "Floor: a logistic regression on these measures of the image alone, on the same splits, tested on clean images."


@dataclass(frozen=True)
class _Cell:
    """A finished cell. images: by source, split and class. data: what it ran on, to compare. rows: of the grid."""

    path: Path
    preset: str
    phase: protocol.Phase
    kernel: str
    images: dict[str, dict[str, dict[str, int]]]
    data: Any
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class _Phase:
    """The finished cells of one phase.

    accuracies: a row a condition x classifier x evaluation x test set. floor: accuracies of the audit's logistic
    regressions, in percent, by their features and the test set.
    """

    phase: protocol.Phase
    cells: list[_Cell]
    grid: pd.DataFrame
    accuracies: pd.DataFrame
    floor: dict[str, dict[str, float]]

    @property
    def preset(self) -> str:
        return self.cells[0].preset


@dataclass(frozen=True)
class _Block:
    """What one classifier reached under one evaluation, as text: a row a condition.

    columns: a title, its counts, and whether it is the paper's number.
    """

    title: str
    columns: list[tuple[str, str, bool]]
    rows: list[list[str]]


def write(results_dir: Path) -> list[Path]:
    """Writes `tables/` below a results folder: grid.csv, and table1..4 of the phases with finished cells.

    Raises UserError where no cell is finished, or where the cells do not belong together.
    """
    examined = read(results_dir)
    phases = _phases(results_dir, examined)
    texts = {"grid.csv": _csv(pd.concat([phase.grid for phase in phases]))}
    for phase in phases:
        images, accuracies = NUMBERS[phase.phase.name]
        texts |= {
            f"table{images}.csv": _csv(_counts(phase)),
            f"table{images}.md": _counts_markdown(phase),
            f"table{accuracies}.csv": _csv(phase.accuracies),
            f"table{accuracies}.md": _accuracies_markdown(phase),
        }
    if examined:
        texts |= {f"{name}.csv": _csv(table) for name, table in evidence.tables(examined).items()}
    for name, text in texts.items():
        write_text(results_dir / "tables" / name, text)
    return [results_dir / "tables" / name for name in texts]


def show(results_dir: Path, console: Console) -> None:
    """Prints Tables 3 and 4, those of the accuracies."""
    for phase in _phases(results_dir, read(results_dir)):
        console.print(_accuracies_title(phase), style="bold", markup=False, highlight=False)
        for block in _blocks(phase):
            console.print(_terminal(block))
        for line in _caption(phase):
            console.print(line, style="dim", markup=False, highlight=False)
        console.print()


# Reading


def _phases(results_dir: Path, examined: list[Examined]) -> list[_Phase]:
    paths = sorted(results_dir.glob("runs/*/*/*/seed-*/metrics.json"))
    if not paths:
        raise UserError(f"{results_dir} has no finished cell: no metrics.json below runs/; train first.")
    cells = [_cell(path) for path in paths]
    _agree(results_dir, cells, "presets", lambda cell: cell.preset)
    by_name = {name: [cell for cell in cells if cell.phase.name == name] for name in NUMBERS}
    by_phase = {phase.phase.name: phase for phase in examined}
    return [_phase(results_dir, cells, by_phase.get(name)) for name, cells in by_name.items() if cells]


def _phase(results_dir: Path, cells: list[_Cell], examined: Examined | None) -> _Phase:
    """A mean over seeds of different kernels or images would mean nothing."""
    _agree(results_dir, cells, "resize kernels", lambda cell: cell.kernel)
    _agree(results_dir, cells, "data", lambda cell: cell.data)
    grid = pd.DataFrame([row for cell in cells for row in cell.rows])
    grid = grid.sort_values(
        ["condition", "classifier", "seed", "test_set", "evaluation"], key=_protocol_order(cells[0])
    )
    accuracies = _accuracies(grid, half_widths(examined) if examined else {})
    return _Phase(cells[0].phase, cells, grid, accuracies, _floor(results_dir, cells[0]))


def _floor(results_dir: Path, cell: _Cell) -> dict[str, dict[str, float]]:
    """Of an audit of the same images, if there is one."""
    folder = results_dir / "audit" / cell.phase.name
    if not (folder / "audit.json").exists():
        return {}
    if sorted(read_json(folder / "audit.json")["data"], key=lambda source: source["name"]) != cell.data:
        return {}
    floor = pd.read_csv(folder / "floor.csv")
    return {name: (100 * rows.set_index("test_set")["accuracy"]).to_dict() for name, rows in floor.groupby("features")}


def _agree(results_dir: Path, cells: list[_Cell], what: str, of: Callable[[_Cell], Any]) -> None:
    other = next((cell for cell in cells if of(cell) != of(cells[0])), None)
    if other:
        raise UserError(
            f"{results_dir} mixes {what}: {cells[0].path.relative_to(results_dir)} and "
            f"{other.path.relative_to(results_dir)} differ; keep them in results folders of their own."
        )


def _cell(path: Path) -> _Cell:
    metrics = read_json(path)
    try:
        cell = _checked(path, metrics)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is not what a finished cell writes ({reason}); delete it and run again.") from error
    return cell


def _checked(path: Path, metrics: dict[str, Any]) -> _Cell:
    phase = _checked_names(path, metrics)
    rows = _grid_rows(metrics)
    if not rows:
        raise ValueError("no test result")
    data = sorted(metrics["data"], key=lambda source: source["name"])
    images = {
        source["name"]: {
            split: {name: int(count) for name, count in classes.items()} for split, classes in source["splits"].items()
        }
        for source in data
    }
    return _Cell(path, metrics["preset"], phase, metrics["kernel"], images, data, rows)


def _checked_names(path: Path, metrics: dict[str, Any]) -> protocol.Phase:
    # A folder copied under another name would count a cell twice.
    here = [*path.parts[-5:-2], path.parts[-2].removeprefix("seed-")]
    if here != [str(metrics[key]) for key in ("phase", "condition", "classifier", "seed")]:
        raise ValueError("it belongs to another folder")
    _known("preset", [metrics["preset"]], protocol.PRESETS)
    phases = protocol.phases(metrics["preset"])
    _known("phase", [metrics["phase"]], phases)
    _known("condition", [metrics["condition"]], protocol.CONDITIONS)
    _known("classifier", [metrics["classifier"]], protocol.CLASSIFIERS)
    _known("selection", [metrics["selection"]], SELECTIONS)
    _known("test set", metrics["tests"], [test.name for test in phases[metrics["phase"]].tests])
    for evaluations in metrics["tests"].values():
        _known("evaluation", evaluations, protocol.EVALUATIONS)
    return phases[metrics["phase"]]


def _known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name}")


def _grid_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    cell = {key: metrics[key] for key in ("preset", "phase", "condition", "classifier")}
    cell["seed"] = int(metrics["seed"])
    settings = {key: metrics["hyperparameters"][key] for key in ("learning_rate", "l2", "epochs", "batch_size")}
    training = {key: metrics[key] for key in ("kernel", "selection")}
    training |= {key: int(metrics[key]) for key in ("n_train", "n_validation")}
    training["validation_accuracy"] = _number(metrics["validation_accuracy"])
    return [
        cell | {"test_set": test_set, "evaluation": evaluation} | _scores(scores) | training | settings
        for test_set, evaluations in metrics["tests"].items()
        for evaluation, scores in evaluations.items()
    ]


def _scores(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(scores[key]) for key in METRICS} | {key: int(scores[key]) for key in ("n_real", "n_fake")}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _protocol_order(cell: _Cell) -> Callable[[pd.Series], pd.Series]:
    """Sorts names as the protocol lists them, and seeds as numbers."""
    names = [*protocol.CONDITIONS, *protocol.CLASSIFIERS, *(test.name for test in cell.phase.tests)]
    place = {name: index for index, name in enumerate([*names, *protocol.EVALUATIONS])}
    return lambda column: column.map(place) if column.name != "seed" else column


# Tables 1 and 2


def _counts(phase: _Phase) -> pd.DataFrame:
    """Images wanted by the protocol and used, split by split."""
    splits = [("train + validation", ("train", "validation"), phase.phase.train)]
    splits += [(test.name, (test.name,), test.counts) for test in phase.phase.tests]
    rows = [
        (split, name, draw.source, draw.images, _used(phase, draw.source, parts, name))
        for split, parts, counts in splits
        for label, name in enumerate(protocol.CLASSES)
        for draw in counts.of(label)
    ]
    return _marked(phase.preset, pd.DataFrame(rows, columns=["split", "class", "source", "wanted", "used"]))


def _used(phase: _Phase, source: str, splits: tuple[str, ...], name: str) -> int:
    there = phase.cells[0].images.get(source, {})
    return sum(there.get(split, {}).get(name, 0) for split in splits)


def _counts_markdown(phase: _Phase) -> str:
    titles = {test.name: f"test: {test.title}" for test in phase.phase.tests}
    rows = [
        (titles.get(split, split), name, source, f"{wanted:,}", f"{used:,}")
        for split, name, source, wanted, used, *_ in _counts(phase).itertuples(index=False, name=None)
    ]
    headings = ("Split", "Class", "Source", "Wanted", "Used")
    table = tabulate(rows, headings, "pipe", disable_numparse=True, colalign=("left",) * 3 + ("right",) * 2)
    title = _title(NUMBERS[phase.phase.name][0], phase, "images by split")
    return f"# {title}\n\n{_preset_line(phase)}\n\n{table}\n"


# Tables 3 and 4


def _accuracies(grid: pd.DataFrame, widths: HalfWidths) -> pd.DataFrame:
    """Means over seeds in percent, the paper's number beside them, and whether it lies in the interval."""
    keys = ["condition", "classifier", "evaluation", "test_set"]
    metrics = ["accuracy", "balanced_accuracy", "tpr", "tnr"]
    groups = grid.groupby(keys, sort=False)
    means = groups[metrics].mean()
    means.insert(1, "accuracy_min", groups["accuracy"].min())
    means.insert(2, "accuracy_max", groups["accuracy"].max())
    means = (100 * means).round(4)  # hides the noise of the last binary digits
    means.insert(0, "seeds", groups["seed"].nunique())
    preset, phase = grid[["preset", "phase"]].iloc[0]
    means.insert(2, "half_width", [widths.get((*key, seeds)) for key, seeds in means["seeds"].items()])
    means["paper"] = [_paper(preset, phase, *key[1:3]).get(key[0], {}).get(key[3]) for key in means.index]
    distance = (means["paper"].astype(float) - means["accuracy"]).abs()
    known = distance.notna() & means["half_width"].notna()
    means["inside"] = (distance <= means["half_width"].astype(float)).map({True: "yes", False: "no"}).where(known)
    means[["n_real", "n_fake"]] = groups[["n_real", "n_fake"]].first()
    means["selection"] = groups["selection"].agg(lambda values: " and ".join(sorted(set(values))))
    return _marked(preset, means.reset_index())


def _paper(preset: str, phase: str, classifier: str, evaluation: str) -> dict[str, dict[str, float]]:
    """By condition and test set, or nothing: the paper has its own CNN, its own images and matched tests."""
    comparable = preset != "demo" and classifier == "paper" and evaluation == "matched"
    return protocol.PAPER_ACCURACY[phase] if comparable else {}


def _accuracies_markdown(phase: _Phase) -> str:
    blocks = "\n".join(_markdown(block) for block in _blocks(phase))
    caption = "\n".join(f"- {line}" for line in _caption(phase))
    return f"# {_accuracies_title(phase)}\n\n{caption}\n\n{blocks}"


def _accuracies_title(phase: _Phase) -> str:
    return _title(NUMBERS[phase.phase.name][1], phase, "accuracy (%)")


def _blocks(phase: _Phase) -> list[_Block]:
    there = set(zip(phase.accuracies["classifier"], phase.accuracies["evaluation"], strict=True))
    pairs = itertools.product(protocol.CLASSIFIERS, protocol.EVALUATIONS)
    return [_block(phase, *pair) for pair in pairs if pair in there]


def _block(phase: _Phase, classifier: str, evaluation: str) -> _Block:
    rows = phase.accuracies.query("classifier == @classifier and evaluation == @evaluation")
    ours = {(row.condition, row.test_set): _spread(row) for row in rows.itertuples()}
    paper = _paper(phase.preset, phase.phase.name, classifier, evaluation)
    columns, cells = [], {name: [condition.title] for name, condition in protocol.CONDITIONS.items()}
    for test in phase.phase.tests:
        columns += [(test.title, _test_counts(phase, test.name), False)] + [("paper", "", True)] * bool(paper)
        for name, row in cells.items():
            published = _published(rows, name, test.name) or _percent(paper.get(name, {}).get(test.name))
            row += [ours.get((name, test.name), DASH)] + [published] * bool(paper)
    title = f"{_capital(protocol.CLASSIFIERS[classifier].title)}, {evaluation} evaluation"
    return _Block(title, columns, [*cells.values(), *_floor_rows(phase, bool(paper))])


def _published(rows: pd.DataFrame, condition: str, test_set: str) -> str:
    """The paper's number and whether it lies in our interval; nothing where there is no interval."""
    found = rows.query("condition == @condition and test_set == @test_set")
    if found.empty or "inside" not in found or pd.isna(found["inside"].iloc[0]):
        return ""
    return f"{_percent(found['paper'].iloc[0])} {'in' if found['inside'].iloc[0] == 'yes' else 'out'}"


def _floor_rows(phase: _Phase, beside_paper: bool) -> Iterator[list[str]]:
    for features, accuracies in phase.floor.items():
        row = [f"Floor: {FEATURES[features]}"]
        for test in phase.phase.tests:
            row += [_percent(accuracies.get(test.name))] + [DASH] * beside_paper
        yield row


def _spread(row) -> str:
    """The mean with the half-width of its interval, or else its range where there is more than one seed."""
    if not pd.isna(row.half_width):
        return f"{_percent(row.accuracy)} \N{PLUS-MINUS SIGN} {row.half_width:.1f}"
    if row.seeds == 1 or pd.isna(row.accuracy):
        return _percent(row.accuracy)
    return f"{_percent(row.accuracy)} ({_percent(row.accuracy_min)}{DASH}{_percent(row.accuracy_max)})"


def _percent(value: float | None) -> str:
    return DASH if pd.isna(value) else f"{value:.1f}"


def _test_counts(phase: _Phase, test_set: str) -> str:
    rows = phase.accuracies.query("test_set == @test_set")
    return "(missing)" if rows.empty else f"({rows.n_real.iloc[0]:,} + {rows.n_fake.iloc[0]:,})"


def _caption(phase: _Phase) -> list[str]:
    missing = [test.title for test in phase.phase.tests if test.name not in set(phase.accuracies["test_set"])]
    sizes = phase.grid.iloc[0]
    lines = [
        _preset_line(phase),
        f"Images resized to {protocol.IMAGE_SIZE} px, {phase.cells[0].kernel} kernel. Trained on {sizes.n_train:,} "
        f"images, validated on {sizes.n_validation:,}; test sets with their images, real + fake.",
        *(_how_trained(phase, name) for name in protocol.CLASSIFIERS if name in set(phase.grid["classifier"])),
        "Matched: the perturbed conditions (Perturbations, Aug. + AEC) are tested on perturbed images, "
        "as in the paper. Clean: test images untouched.",
    ]
    lines += [INTERVALS] * bool(phase.accuracies["half_width"].notna().any()) + [FLOOR] * bool(phase.floor)
    return lines + [f"Missing test sets: {', '.join(missing)}."] * bool(missing)


def _how_trained(phase: _Phase, classifier: str) -> str:
    grid = phase.grid.query("classifier == @classifier")
    seeds, selections = {}, {}
    for name, rows in grid.groupby("condition", sort=False):
        seeds[name] = ", ".join(str(seed) for seed in sorted(set(rows["seed"])))
        selections[name] = " and ".join(SELECTIONS[selection] for selection in sorted(set(rows["selection"])))
    several = " (mean, minimum and maximum)" if grid["seed"].nunique() > 1 else ""
    name = _capital(protocol.CLASSIFIERS[classifier].title)
    return f"{name}. Seeds: {_where(seeds)}{several}. Hyper-parameters: {_where(selections)}."


def _where(texts: dict[str, str]) -> str:
    """One text where all conditions agree; otherwise each condition's own."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{protocol.CONDITIONS[name].title} {text}" for name, text in texts.items())


# Form


def _title(number: int, phase: _Phase, what: str) -> str:
    demo = " on procedural images" if phase.preset == "demo" else ""
    return f"Table {number}. {phase.phase.title}{demo}: {what}"


def _preset_line(phase: _Phase) -> str:
    return f"Preset {phase.preset}: {PRESETS[phase.preset]}."


def _marked(preset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Of the demo, a column that says so takes the place of the paper's numbers."""
    return (
        frame.drop(columns=["paper", "inside"], errors="ignore").assign(images="procedural")
        if preset == "demo"
        else frame
    )


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _markdown(block: _Block) -> str:
    headings = ["Condition", *(f"{title} {counts}".strip() for title, counts, _ in block.columns)]
    alignment = ("left",) + ("right",) * len(block.columns)
    table = tabulate(block.rows, headings, "pipe", disable_numparse=True, colalign=alignment)
    return f"## {block.title}\n\n{table}\n"


def _terminal(block: _Block) -> Table:
    table = Table(title=block.title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Condition", no_wrap=True)
    for title, counts, paper in block.columns:
        heading = f"{title}\n{counts}".replace(" + ", " +\n")  # for a narrow column
        table.add_column(heading, justify="right", style="dim" if paper else "")
    for row in block.rows:
        table.add_row(*row)
    return table
