"""Tables of the examined cells: intervals, comparisons, the matrix of paths, controls, robustness, dispersion.

Rates are percentages with the half-width of their 95% interval over seeds and images (`statistics`), at probability
0.5 unless `threshold` says otherwise.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table
from scipy.special import expit

from cifake_keras import protocol
from cifake_keras.evaluation import metrics, statistics
from cifake_keras.evaluation.dispersion import MEASURES
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.protocol import CLEAN, FAKE, MATCHED, REAL, System
from cifake_keras.records.examined import Examined
from cifake_keras.records.scores import SIMILARITY, Scores
from cifake_keras.report import form
from cifake_keras.runtime.errors import UserError

# CIFAKE's file names end in the number of their CIFAR-10 class; the first has none.
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The robustness view that gives every test set the compression of CIFAKE's own files.
REENCODED = "jpeg-75"
# The condition that controls are compared with.
BASELINE = protocol.REFERENCES[0]


def tables(phases: list[Examined]) -> dict[str, pd.DataFrame]:
    """By name: a row a classifier, condition, test set and what the table is about."""
    made = {
        "metrics": _metrics,
        "matrix": matrix,
        "comparisons": comparisons,
        "breakdown": _breakdown,
        "controls": _controls,
        "robustness": robustness,
        "reliability": reliability,
        "dispersion": _dispersion,
    }
    return of_phases(made, phases)


def of_phases(
    made: Mapping[str, Callable[[Examined], Iterable[dict]]], phases: list[Examined]
) -> dict[str, pd.DataFrame]:
    """Tables by name, of the rows that each function makes of all phases; none without rows."""
    frames = {name: table(itertools.chain.from_iterable(map(rows, phases))) for name, rows in made.items()}
    return {name: frame for name, frame in frames.items() if len(frame)}


def table(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows as a table, rounded: p-values to two digits, other numbers to four after the point."""
    frame = pd.DataFrame(rows)
    digits = {name: ".2g" if name in form.P_VALUES else ".4f" for name in frame.select_dtypes("float")}
    return frame.assign(**{name: [float(format(v, of)) for v in frame[name]] for name, of in digits.items()})


def systems(phase: Examined) -> Iterator[tuple[System, dict]]:
    """Each examined system, with the columns that name it in a table."""
    marked = {"images": "procedural"} if phase.preset == "demo" else {}
    for system, seeds in phase.seeds.items():
        yield system, marked | {"phase": phase.phase.name, **system._asdict(), "seeds": len(seeds)}


def _path(system: System, evaluation: str) -> str:
    """The path that test images of an evaluation take to a cell."""
    return protocol.path_name(system.condition, evaluation)


def _evaluated(phase: Examined, system: System) -> Iterator[tuple[str, str]]:
    """The evaluations of which there are scores, with their paths."""
    for evaluation in protocol.EVALUATIONS:
        path = _path(system, evaluation)
        if phase.has(system, path):
            yield evaluation, path


def common_seeds(phase: Examined, a: System, b: System) -> list[int]:
    """The seeds that both systems were examined with, sorted."""
    return sorted(set(phase.seeds.get(a, ())) & set(phase.seeds.get(b, ())))


def rates(correct: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Percentages with half-widths. correct: bool [seeds, images]; labels: int [images]. A class may be missing."""
    counts = {"n_real": int((labels == REAL).sum()), "n_fake": int((labels == FAKE).sum())}
    percentages: dict[str, float] = {}
    for name, estimate in sorted(metrics.estimates(correct, labels).items()):
        percentages |= percent(name, estimate)
    return percentages | counts


# By condition, classifier, evaluation, test set and number of seeds: of the accuracy, in points.
HalfWidths = dict[tuple[str, str, str, str, int], float]


def half_widths(phase: Examined) -> HalfWidths:
    """Of every system, evaluation and test set."""
    widths: HalfWidths = {}
    for system, seeds in phase.seeds.items():
        for (evaluation, path), (test, places) in itertools.product(_evaluated(phase, system), list(phase.tests())):
            correct = phase.correct(system, path)[:, places]
            width = statistics.estimate(correct, phase.labels[places]).half_width
            widths[system.condition, system.classifier, evaluation, test, len(seeds)] = round(100 * width, 4)
    return widths


def percent(name: str, estimate: statistics.Estimate) -> dict[str, float]:
    """An estimate and its half-width in percent, as two columns."""
    return {name: 100 * estimate.value, f"{name}_half_width": 100 * estimate.half_width}


# Every cell, and every path


def _metrics(phase: Examined) -> Iterator[dict]:
    """A row a cell, test set, evaluation and threshold: fixed, chosen on validation images, or by the test itself."""
    for system, named in systems(phase):
        of_seeds = list(zip(phase.seeds[system], phase.scores[system], strict=True))
        for (seed, scores), evaluation in itertools.product(of_seeds, protocol.EVALUATIONS):
            for row in _of_cell(phase, scores, evaluation, _path(system, evaluation)):
                yield {name: value for name, value in named.items() if name != "seeds"} | {"seed": seed} | row


def _of_cell(phase: Examined, scores: Scores, evaluation: str, path: str) -> Iterator[dict]:
    """Nothing where it was not scored on the path; no threshold of validation images where it was not on those."""
    if path not in scores.paths:
        return
    thresholds = {protocol.FIXED: 0.0}
    if evaluation in scores.validation:
        thresholds[protocol.AT_VALIDATION] = best_threshold(scores.validation_labels, scores.validation[evaluation])
    for test, places in phase.tests():
        labels, logits = phase.labels[places], scores.paths[path][places]
        for choice, threshold in (thresholds | {"oracle": best_threshold(labels, logits)}).items():
            row = {"test_set": test, "evaluation": evaluation, "threshold_choice": choice}
            yield row | metrics.metrics(labels, expit(logits), float(expit(threshold)))


def best_threshold(labels: np.ndarray, logits: np.ndarray) -> float:
    """The logit from which FAKE is said that gives the best balanced accuracy, between two scores."""
    order = np.argsort(logits, kind="stable")
    fake, ranked = labels[order] == FAKE, logits[order].astype(np.float64)
    caught = 1 - np.concatenate([[0], np.cumsum(fake)]) / max(fake.sum(), 1)
    spared = np.concatenate([[0], np.cumsum(~fake)]) / max((~fake).sum(), 1)
    between = np.concatenate([[ranked[0] - 1], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1]])
    distinct = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    return float(between[np.argmax(np.where(distinct, caught + spared, -1))])


def matrix(phase: Examined) -> Iterator[dict]:
    """Every classifier on images that took each path, its own or another's."""
    for system, named in systems(phase):
        for path, (test, places) in itertools.product(phase.paths(system), list(phase.tests())):
            labels, probability = phase.labels[places], expit(phase.logits(system, path)[:, places])
            percentages = rates(phase.correct(system, path)[:, places], labels)
            yield named | {"path": path, "test_set": test} | percentages | {"auc": _mean_auc(labels, probability)}


def _mean_auc(labels: np.ndarray, probability: np.ndarray) -> float:
    """probability: float [seeds, images]. NaN where a class is missing."""
    of_seeds = [METRICS["auc"].of(labels, of_seed, protocol.THRESHOLD) for of_seed in probability]
    return float(np.mean(np.array(of_seeds, float)))


def reliability(phase: Examined) -> Iterator[dict]:
    """Matched: the images by the probability stated, and how many of them are fakes."""
    for system, named in systems(phase):
        path = _path(system, MATCHED)
        for test, places in phase.tests() if phase.has(system, path) else ():
            probability = expit(phase.logits(system, path)[:, places].astype(np.float64))
            for row in _bins(phase.labels[places], probability):
                yield named | {"test_set": test} | row


def _bins(labels: np.ndarray, probability: np.ndarray) -> Iterator[dict]:
    """A row a bin with images. probability: float [seeds, images]."""
    bins = metrics.bins(probability)
    for bin_ in range(metrics.ECE_BINS):
        inside = bins == bin_
        if inside.any():
            fakes = np.broadcast_to(labels == FAKE, inside.shape)[inside]
            stated = {"stated": float(probability[inside].mean()), "fake": float(fakes.mean())}
            yield {"bin": bin_} | stated | {"images": int(inside.sum())}


# Conditions in pairs


def comparisons(phase: Examined) -> Iterator[dict]:
    """Differences of conditions on the same images and seeds, in points; Holm over the phase's table."""
    yield from _corrected(list(_pairs(phase)))


def _corrected(rows: list[dict]) -> Iterator[dict]:
    """The rows, with p-values that Holm corrected over all that have one."""
    p_values = np.array([row["p"] for row in rows], float)
    tested = ~np.isnan(p_values)
    p_values[tested] = statistics.holm(p_values[tested]) if tested.any() else []
    for row, p_holm in zip(rows, p_values, strict=True):
        yield row | {"p_holm": float(p_holm)}


def _pairs(phase: Examined) -> Iterator[dict]:
    for a, b in itertools.combinations(phase.scores, 2):
        if a.classifier != b.classifier or not common_seeds(phase, a, b):
            continue
        both = dict(_evaluated(phase, a)).keys() & dict(_evaluated(phase, b)).keys()
        evaluations = [evaluation for evaluation in protocol.EVALUATIONS if evaluation in both]
        for evaluation, (test, places) in itertools.product(evaluations, list(phase.tests())):
            names = {"phase": phase.phase.name, "classifier": a.classifier, "a": a.condition, "b": b.condition}
            row = {"test_set": test, "evaluation": evaluation}
            yield names | row | _difference(phase, a, b, evaluation, places)


def _difference(phase: Examined, a: System, b: System, evaluation: str, places: np.ndarray) -> dict:
    """Of the seeds that both have."""
    seeds = common_seeds(phase, a, b)
    correct_a, correct_b = (_of_seeds(phase, system, evaluation, seeds)[:, places] for system in (a, b))
    estimate = statistics.difference(correct_a, correct_b, phase.labels[places])
    by_seed = " ".join(f"{p:.2g}" for p in statistics.mcnemar(correct_a, correct_b))
    return {"seeds": len(seeds)} | percent("difference", estimate) | {"p": estimate.p_value, "mcnemar_p": by_seed}


def _of_seeds(phase: Examined, system: System, view: str, seeds: list[int]) -> np.ndarray:
    """bool [seeds, images]: `correct` of an evaluation, or on altered images."""
    of_all = phase.correct(system, _view(system, view))
    return of_all[[phase.seeds[system].index(seed) for seed in seeds]]


def _view(system: System, name: str) -> str:
    """The view of an evaluation; altered images are called what they are."""
    return _path(system, name) if name in protocol.EVALUATIONS else name


def compared(phases: list[Examined], a: str, b: str, results_dir: Path) -> Table:
    """A minus B wherever both have been examined, for a terminal. Raises UserError where they have not."""
    title = f"{protocol.CONDITIONS[a].title} minus {protocol.CONDITIONS[b].title}, points of accuracy"
    table = Table(
        "phase",
        "classifier",
        "test set",
        "evaluation",
        title=title,
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for heading in ("difference", "p", "p (Holm)", "seeds"):
        table.add_column(heading, justify="right")
    for row in (row for phase in phases for row in comparisons(phase) if {row["a"], row["b"]} == {a, b}):
        value = row["difference"] if row["a"] == a else -row["difference"]
        difference = f"{value:+.1f} \N{PLUS-MINUS SIGN} {row['difference_half_width']:.1f}"
        names = (row["phase"], row["classifier"], row["test_set"], row["evaluation"])
        table.add_row(*names, difference, f"{row['p']:.2g}", f"{row['p_holm']:.2g}", str(row["seeds"]))
    if not table.row_count:
        raise UserError(f"{results_dir} has no seed that both {a} and {b} were examined with: cifake-keras examine")
    return table


# Parts of the test sets, and controls


def _breakdown(phase: Examined) -> Iterator[dict]:
    """Matched: the share of right answers by source, generator and CIFAR-10 class, apart for real and fake."""
    groups = {
        "source": phase.images["source"],
        "generator": phase.images["generator"],
        "class": phase.images["filename"].where(phase.images["source"] == "CIFAKE").map(_cifar_class),
    }
    for system, named in systems(phase):
        path = _path(system, MATCHED)
        if not phase.has(system, path):
            continue
        correct = phase.correct(system, path)
        for (test, places), (kind, names) in itertools.product(list(phase.tests()), groups.items()):
            for row in _by_group(phase.images.iloc[places], names.iloc[places], correct):
                yield named | {"test_set": test, "by": kind} | row


def _by_group(images: pd.DataFrame, names: pd.Series, correct: np.ndarray) -> Iterator[dict]:
    """Groups of a single image have no interval and are left out."""
    for (name, label), rows in images.groupby([names, "label"]):
        if name and len(rows) > 1:
            share = percent("value", statistics.estimate(correct[:, rows.index]))
            yield {"group": name, "rate": "tpr" if label == FAKE else "tnr"} | share | {"n": len(rows)}


def _cifar_class(filename: str | float) -> str | None:
    """Of "test/REAL/0001 (10).jpg"."""
    if not isinstance(filename, str):
        return None
    number = filename.rpartition("(")[2].partition(")")[0] if "(" in filename else "1"
    return CIFAR_CLASSES[int(number) - 1] if number.isdigit() and 1 <= int(number) <= 10 else None


def _controls(phase: Examined) -> Iterator[dict]:
    """Clean: as they are, without the images that were trained on, all in CIFAKE's compression, by resize kernel.

    With the difference in accuracy from the baseline on the same images and seeds; its p-values are not adjusted.
    """
    unseen = phase.images["in_training"].to_numpy() == 0
    for system, named in systems(phase):
        kernels = {view: view for view in phase.altered(system) if view.startswith("kernel-")}
        views = {"none": CLEAN, "not in training": CLEAN, "re-encoded": REENCODED} | kernels
        for (control, view), (test, places) in itertools.product(views.items(), list(phase.tests())):
            chosen = places[unseen[places]] if control == "not in training" else places
            if phase.has(system, _view(system, view)):
                row = _rates_seen(phase, system, view, chosen) | _against_baseline(phase, system, view, chosen)
                yield named | {"control": control, "test_set": test} | row


def _rates_seen(phase: Examined, system: System, view: str, places: np.ndarray) -> dict[str, float]:
    return rates(phase.correct(system, _view(system, view))[:, places], phase.labels[places])


# Of the baseline itself, or where it has not what is to be compared.
_NO_DIFFERENCE = {"difference": np.nan, "difference_half_width": np.nan, "p": np.nan}


def _against_baseline(phase: Examined, system: System, view: str, chosen: np.ndarray) -> dict[str, float]:
    baseline = system._replace(condition=BASELINE)
    seeds = common_seeds(phase, system, baseline)
    if system == baseline or not seeds or not phase.has(baseline, _view(baseline, view)):
        return _NO_DIFFERENCE
    own, other = (_of_seeds(phase, of, view, seeds)[:, chosen] for of in (system, baseline))
    estimate = statistics.difference(own, other, phase.labels[chosen])
    return percent("difference", estimate) | {"p": estimate.p_value}


def robustness(phase: Examined) -> Iterator[dict]:
    """Clean, on altered images; no level is none, which has a row where a level has."""
    for system, named in systems(phase):
        for family, alteration in protocol.ALTERATIONS.items():
            altered = {level: f"{family}-{level}" for level in alteration.levels}
            if not any(phase.has(system, view) for view in altered.values()):
                continue
            views = {None: CLEAN} | altered
            for (level, view), (test, places) in itertools.product(views.items(), list(phase.tests())):
                if phase.has(system, _view(system, view)):
                    row = {"alteration": family, "level": level, "test_set": test}
                    yield named | row | _rates_seen(phase, system, view, places)


# Saliency


def _dispersion(phase: Examined) -> Iterator[dict]:
    """The mean over seeds and images of each measure, and its difference from each reference's on the same images.

    n: the images that all seeds have a map of; Grad-CAM finds no evidence in some. Holm over the phase's table. The
    likeness to maps of random weights is a check of the maps, and not compared.
    """
    yield from _corrected(list(_dispersions(phase)))


def _dispersions(phase: Examined) -> Iterator[dict]:
    for system, named in systems(phase):
        measures = [name for name in (*MEASURES, SIMILARITY) if name in phase.measures(system)]
        for method, measure in itertools.product(phase.methods(system), measures):
            values = _measured(phase, system, method, measure, phase.seeds[system])
            estimate = statistics.estimate(values[:, np.isfinite(values).all(axis=0)])
            row = {"method": method, "measure": measure, "value": estimate.value, "half_width": estimate.half_width}
            differences = list(_from_references(phase, system, method, measure)) if measure in MEASURES else []
            for difference in differences or [{"against": ""} | _NO_DIFFERENCE]:
                yield named | row | {"n": estimate.images} | difference


def _measured(phase: Examined, system: System, method: str, measure: str, seeds: list[int]) -> np.ndarray:
    """float [seeds, images]; NaN where a map is zero everywhere."""
    chosen = [phase.dispersion[system][phase.seeds[system].index(seed)] for seed in seeds]
    return np.stack([of_seed.loc[of_seed["method"] == method, measure] for of_seed in chosen])


def _from_references(phase: Examined, system: System, method: str, measure: str) -> Iterator[dict]:
    """A row a reference that comes before the condition, of the seeds that both have."""
    for name in itertools.takewhile(lambda name: name != system.condition, protocol.REFERENCES):
        reference = system._replace(condition=name)
        seeds = common_seeds(phase, system, reference)
        if not seeds or method not in phase.methods(reference) or measure not in phase.measures(reference):
            continue
        own, other = (_measured(phase, of, method, measure, seeds) for of in (system, reference))
        whole = np.isfinite([own, other]).all(axis=(0, 1))
        estimate = statistics.difference(own[:, whole], other[:, whole])
        difference = {"difference": estimate.value, "difference_half_width": estimate.half_width}
        yield {"against": name} | difference | {"p": estimate.p_value}
