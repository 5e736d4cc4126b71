"""Tables 1 to 4 and the grid, from the finished and the examined cells of a results folder."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from cifake_keras import protocol
from cifake_keras.evaluation import statistics
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.protocol import CLEAN, MATCHED
from cifake_keras.records import audits, examined, finished
from cifake_keras.records.examined import Examined
from cifake_keras.records.finished import FinishedCell
from cifake_keras.report import diversity, evidence, form, grid, isolation, systems, topologies, verdicts
from cifake_keras.report.evidence import HalfWidths, half_widths
from cifake_keras.report.form import DASH, Block
from cifake_keras.runtime.files import write_text

# Of the examined cells, what makes which.
TABLES = (evidence.tables, isolation.tables, verdicts.tables, diversity.tables, systems.tables)

INTERVALS = (
    "\N{PLUS-MINUS SIGN}: half-width of the 95% interval over seeds and test images together{}. "
    "The interval of a single seed is that of the images alone."
)
INSIDE = "; in or out: whether the paper's number lies in it"
FLOOR = "Floor: a logistic regression on these measures of the image alone, on the same splits, tested on clean images."


@dataclass(frozen=True)
class _Phase:
    """The finished cells of one phase.

    accuracies: a row a condition x classifier x evaluation x test set, without the topologies that have a table of
    their own. floor: accuracies of the audit's logistic regressions, in percent, by their features and the test set.
    """

    cells: list[FinishedCell]
    grid: pd.DataFrame
    accuracies: pd.DataFrame
    topologies: pd.DataFrame
    floor: dict[str, dict[str, float]]

    @property
    def phase(self) -> protocol.Phase:
        return self.cells[0].phase

    @property
    def preset(self) -> str:
        return self.cells[0].preset


def write(results_dir: Path, console: Console | None = None) -> list[Path]:
    """Writes `tables/` below a results folder: grid.csv, and table1..4 of the phases with finished cells.

    console: where Tables 3 and 4, those of the accuracies, are shown too. Raises UserError where no cell is finished,
    or where the cells do not belong together.
    """
    phases, seen = _phases(results_dir)
    every = pd.concat([phase.grid for phase in phases])
    texts = {"grid.csv": form.csv(every)}
    if len(of_topologies := pd.concat([phase.topologies for phase in phases])) > 1:
        texts["topologies.csv"] = form.csv(of_topologies)
    numbered = [phase for phase in phases if phase.phase.name in form.COUNTS]
    for phase in numbered:
        images, accuracies = form.COUNTS[phase.phase.name], form.ACCURACIES[phase.phase.name]
        texts |= {
            f"table{images}.csv": form.csv(_counts(phase)),
            f"table{images}.md": _counts_markdown(phase),
            f"table{accuracies}.csv": form.csv(phase.accuracies),
            f"table{accuracies}.md": _accuracies_markdown(phase),
        }
    of_examined = [tables(seen) for tables in TABLES]
    texts |= {f"{name}.csv": form.csv(table) for named in of_examined for name, table in named.items()}
    for name, text in texts.items():
        write_text(results_dir / "tables" / name, text)
    if console:
        _show(numbered, console)
    return [results_dir / "tables" / name for name in texts]


def _show(phases: list[_Phase], console: Console) -> None:
    for phase in phases:
        console.print(_accuracies_title(phase), style="bold", markup=False, highlight=False)
        for block in _blocks(phase):
            console.print(block.terminal())
        for line in _caption(phase):
            console.print(line, style="dim", markup=False, highlight=False)
        console.print()


def _phases(results_dir: Path) -> tuple[list[_Phase], list[Examined]]:
    """The finished cells by phase, and those that were examined."""
    done, seen = finished.read(results_dir), examined.read(results_dir)
    by_name = {phase.phase.name: phase for phase in seen}
    return [_phase(results_dir, cells, by_name.get(cells[0].phase.name)) for cells in done], seen


def _phase(results_dir: Path, cells: list[FinishedCell], seen: Examined | None) -> _Phase:
    rows = grid.table(cells, seen)
    accuracies = _accuracies(rows, half_widths(seen) if seen else {})
    shown, of_topologies = topologies.without(accuracies), topologies.table(rows, accuracies)
    return _Phase(cells, rows, shown, of_topologies, _floor(results_dir, cells[0]))


def _floor(results_dir: Path, cell: FinishedCell) -> dict[str, dict[str, float]]:
    """Of an audit of the same images, if there is one."""
    floor = audits.floor(results_dir, cell.phase.name, cell.data)
    if floor is None:
        return {}
    return {name: (100 * rows.set_index("test_set")["accuracy"]).to_dict() for name, rows in floor.groupby("features")}


# Tables 1 and 2


def _counts(phase: _Phase) -> pd.DataFrame:
    """Images wanted by the protocol and used, split by split."""
    both: tuple[str, ...] = (protocol.TRAIN, protocol.VALIDATION)
    splits = [(" + ".join(both), both, phase.phase.train)]
    splits += [(test.name, (test.name,), test.counts) for test in phase.phase.tests]
    rows = [
        (split, name, draw.source, draw.images, phase.cells[0].images(draw.source, parts, name))
        for split, parts, counts in splits
        for label, name in enumerate(protocol.CLASSES)
        for draw in counts.of(label)
    ]
    return _marked(phase.preset, pd.DataFrame(rows, columns=["split", "class", "source", "wanted", "used"]))


def _counts_markdown(phase: _Phase) -> str:
    titles = {test.name: f"test: {test.title}" for test in phase.phase.tests}
    rows = [
        (titles.get(split, split), name, source, f"{wanted:,}", f"{used:,}")
        for split, name, source, wanted, used, *_ in _counts(phase).itertuples(index=False, name=None)
    ]
    headings = ("Split", "Class", "Source", "Wanted", "Used")
    title = _title(form.COUNTS[phase.phase.name], phase, "images by split")
    return f"# {title}\n\n{form.preset_line(phase.preset)}\n\n{form.markdown(rows, headings, names=3)}\n"


# Tables 3 and 4


def _accuracies(rows: pd.DataFrame, widths: HalfWidths) -> pd.DataFrame:
    """Means over seeds in percent, the paper's number beside them, and whether it lies in the interval."""
    groups = rows.groupby(["condition", "classifier", "evaluation", "test_set"], sort=False)
    rates = [name for name, metric in METRICS.items() if metric.percent]
    means = groups[rates].mean().where(groups[rates].count().eq(groups.size(), axis=0))  # of all seeds, or none
    means.insert(1, "accuracy_min", groups["accuracy"].min())
    means.insert(2, "accuracy_max", groups["accuracy"].max())
    means = (100 * means).round(4)  # hides the noise of the last binary digits
    means.insert(0, "seeds", groups["seed"].nunique())
    preset, phase = rows[["preset", "phase"]].iloc[0]
    means.insert(2, "half_width", [widths.get((*key, len(seeds)), _of_images(seeds)) for key, seeds in groups])
    means["paper"] = [_paper(preset, phase, *key[1:3]).get(key[0], {}).get(key[3]) for key in means.index]
    distance = (means["paper"].astype(float) - means["accuracy"]).abs()
    known = distance.notna() & means["half_width"].notna()
    means["inside"] = (distance <= means["half_width"].astype(float)).map({True: "yes", False: "no"}).where(known)
    means[["n_real", "n_fake"]] = groups[["n_real", "n_fake"]].first()
    means["selection"] = groups["selection"].agg(lambda values: " and ".join(sorted(set(values))))
    return _marked(preset, means.reset_index())


def _of_images(seeds: pd.DataFrame) -> float:
    """The half-width of a single seed, in points, which hangs on how many answers are right in each class alone.

    NaN of several seeds, and where a class has no two images.
    """
    counts, rates = (seeds[[*names]].iloc[0] for names in (("n_real", "n_fake"), ("tnr", "tpr")))
    if len(seeds) > 1 or counts.min() < 2 or rates.isna().any():
        return math.nan
    correct = [np.arange(count) < round(rate * count) for count, rate in zip(counts, rates, strict=True)]
    labels = np.repeat([protocol.REAL, protocol.FAKE], counts)
    return round(100 * statistics.estimate(np.concatenate(correct)[None], labels).half_width, 4)


def _paper(preset: str, phase: str, classifier: str, evaluation: str) -> dict[str, dict[str, float]]:
    """By condition and test set, or nothing: the paper has its own CNN, its own images and matched tests."""
    comparable = preset != "demo" and classifier == next(iter(protocol.CLASSIFIERS)) and evaluation == MATCHED
    return protocol.PAPER_ACCURACY.get(phase, {}) if comparable else {}


def _accuracies_markdown(phase: _Phase) -> str:
    blocks = "\n".join(block.markdown() for block in _blocks(phase))
    caption = "\n".join(f"- {line}" for line in _caption(phase))
    return f"# {_accuracies_title(phase)}\n\n{caption}\n\n{blocks}"


def _accuracies_title(phase: _Phase) -> str:
    return _title(form.ACCURACIES[phase.phase.name], phase, "accuracy (%)")


def _blocks(phase: _Phase) -> list[Block]:
    done = set(zip(phase.accuracies["classifier"], phase.accuracies["evaluation"], strict=True))
    pairs = itertools.product(protocol.CLASSIFIERS, protocol.EVALUATIONS)
    return [_block(phase, *pair) for pair in pairs if pair in done]


def _block(phase: _Phase, classifier: str, evaluation: str) -> Block:
    rows = phase.accuracies.query("classifier == @classifier and evaluation == @evaluation")
    ours = {(row.condition, row.test_set): row for row in rows.itertuples()}
    paper = _paper(phase.preset, phase.phase.name, classifier, evaluation)
    shown = {*protocol.PAPER_CONDITIONS, *rows["condition"]}
    columns, cells = [], {name: [of.title] for name, of in protocol.CONDITIONS.items() if name in shown}
    for test in phase.phase.tests:
        columns += [(test.title, _test_counts(phase, test.name), False)] + [("paper", "", True)] * bool(paper)
        for name, row in cells.items():
            measured = ours.get((name, test.name))
            row += [_spread(measured) if measured else DASH]
            if paper:
                row += [_published(measured) or form.percent(paper.get(name, {}).get(test.name))]
    title = f"{form.capital(protocol.CLASSIFIERS[classifier].title)}, {evaluation} evaluation"
    return Block(title, columns, [*cells.values(), *_floor_rows(phase, bool(paper))])


def _published(ours: Any) -> str:
    """The paper's number and whether it lies in our interval; nothing where there is no interval."""
    if not ours or pd.isna(ours.inside):
        return ""
    return f"{form.percent(ours.paper)} {'in' if ours.inside == 'yes' else 'out'}"


def _floor_rows(phase: _Phase, beside_paper: bool) -> Iterator[list[str]]:
    for features, accuracies in phase.floor.items():
        row = [f"Floor: {protocol.FLOOR[features].short}"]
        for test in phase.phase.tests:
            row += [form.percent(accuracies.get(test.name))] + [DASH] * beside_paper
        yield row


def _spread(row: Any) -> str:
    """The mean with the half-width of its interval, or else its range where there is more than one seed."""
    if not pd.isna(row.half_width):
        return f"{form.percent(row.accuracy)} \N{PLUS-MINUS SIGN} {row.half_width:.1f}"
    if row.seeds == 1 or pd.isna(row.accuracy):
        return form.percent(row.accuracy)
    return f"{form.percent(row.accuracy)} ({form.percent(row.accuracy_min)}{DASH}{form.percent(row.accuracy_max)})"


def _test_counts(phase: _Phase, test_set: str) -> str:
    rows = phase.accuracies[phase.accuracies["test_set"] == test_set]
    return "(missing)" if rows.empty else f"({rows.n_real.iloc[0]:,} + {rows.n_fake.iloc[0]:,})"


def _caption(phase: _Phase) -> list[str]:
    missing = [test.title for test in phase.phase.tests if test.name not in set(phase.accuracies["test_set"])]
    cell = phase.cells[0]
    lines = [
        form.preset_line(phase.preset),
        f"Images resized to {protocol.IMAGE_SIZE} px, {cell.kernel} kernel. Trained on {cell.n_train:,} "
        f"images, validated on {cell.n_validation:,}; test sets with their images, real + fake.",
        *(_how_trained(phase, name) for name in protocol.CLASSIFIERS if name in set(phase.accuracies["classifier"])),
        f"Matched: the perturbed conditions ({_perturbed()}) are tested on perturbed images, "
        "as in the paper. Clean: test images untouched.",
    ]
    intervals = INTERVALS.format(INSIDE if "inside" in phase.accuracies else "")
    lines += [intervals] * bool(phase.accuracies["half_width"].notna().any()) + [FLOOR] * bool(phase.floor)
    return lines + [f"Missing test sets: {', '.join(missing)}."] * bool(missing)


def _perturbed() -> str:
    """The conditions whose matched test images take other steps than clean ones."""
    every = protocol.CONDITIONS.values()
    return ", ".join(condition.title for condition in every if condition.path(MATCHED) != condition.path(CLEAN))


def _how_trained(phase: _Phase, classifier: str) -> str:
    trained = phase.grid.query("classifier == @classifier")
    seeds: dict[str, str] = {}
    selections: dict[str, str] = {}
    for name, rows in trained.groupby("condition", sort=False):
        seeds[name] = ", ".join(str(seed) for seed in sorted(set(rows["seed"])))
        selections[name] = " and ".join(protocol.SELECTIONS[selection] for selection in sorted(set(rows["selection"])))
    several = " (mean, minimum and maximum)" if trained["seed"].nunique() > 1 else ""
    name = form.capital(protocol.CLASSIFIERS[classifier].title)
    return f"{name}. Seeds: {_where(seeds)}{several}. Hyper-parameters: {_where(selections)}."


def _where(texts: dict[str, str]) -> str:
    """One text where all conditions agree; otherwise each condition's own."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{protocol.CONDITIONS[name].title} {text}" for name, text in texts.items())


# Titles


def _title(number: int, phase: _Phase, what: str) -> str:
    demo = " on procedural images" if phase.preset == "demo" else ""
    return f"Table {number}. {phase.phase.title}{demo}: {what}"


def _marked(preset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Of the demo, a column that says so takes the place of the paper's numbers."""
    if preset != "demo":
        return frame
    return frame.drop(columns=["paper", "inside"], errors="ignore").assign(images="procedural")
