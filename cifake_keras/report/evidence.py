"""Tables of the examined cells: intervals, comparisons, the matrix of paths, controls, robustness, dispersion.

Rates are percentages with the half-width of their 95% interval over seeds and images (`statistics`), at probability
0.5 unless `threshold` says otherwise.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from cifake_keras import protocol
from cifake_keras.evaluation import metrics, statistics
from cifake_keras.evaluation.dispersion import MEASURES
from cifake_keras.protocol import FAKE, REAL
from cifake_keras.records.examined import Examined, Key
from cifake_keras.records.scores import SIMILARITY
from cifake_keras.runtime.errors import UserError

# CIFAKE's file names end in the number of their CIFAR-10 class; the first has none.
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The robustness view that gives every test set the compression of CIFAKE's own files.
REENCODED = "jpeg-75"
CLEAN = "clean"


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
    found = {name: _table(itertools.chain.from_iterable(map(rows, phases))) for name, rows in made.items()}
    return {name: table for name, table in found.items() if len(table)}


def _table(rows: Iterable[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    digits = {name: ".2g" if name in ("p", "p_holm") else ".4f" for name in frame.select_dtypes("float")}
    return frame.assign(**{name: [float(format(v, of)) for v in frame[name]] for name, of in digits.items()})


def _keys(phase: Examined) -> Iterator[tuple[Key, dict]]:
    for key, seeds in phase.seeds.items():
        classifier, condition = key
        marked = {"images": "procedural"} if phase.preset == "demo" else {}
        named = {"phase": phase.phase.name, "classifier": classifier, "condition": condition, "seeds": len(seeds)}
        yield key, marked | named


def _path(key: Key, evaluation: str) -> str:
    """The path that test images of an evaluation take to a cell."""
    return protocol.path_name(key[1], evaluation)


def _common_seeds(phase: Examined, a: Key, b: Key) -> list[int]:
    return sorted(set(phase.seeds.get(a, ())) & set(phase.seeds.get(b, ())))


def _places(phase: Examined, key: Key, seeds: list[int]) -> list[int]:
    return [phase.seeds[key].index(seed) for seed in seeds]


def rates(correct: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Percentages with half-widths. correct: bool [seeds, images]; labels: int [images]. A class may be missing."""
    parts = {name: labels == label for name, label in (("tnr", REAL), ("tpr", FAKE))}
    found = _percent("accuracy", statistics.estimate(correct, labels))
    found |= _percent("balanced_accuracy", statistics.estimate(correct, labels, balanced=True))
    for name, of_class in parts.items():
        if of_class.any():
            found |= _percent(name, statistics.estimate(correct[:, of_class]))
    return found | {"n_real": int(parts["tnr"].sum()), "n_fake": int(parts["tpr"].sum())}


# By condition, classifier, evaluation, test set and number of seeds: of the accuracy, in points.
HalfWidths = dict[tuple[str, str, str, str, int], float]


def half_widths(phase: Examined) -> HalfWidths:
    found, labels = {}, phase.images["label"].to_numpy()
    for (classifier, condition), seeds in phase.seeds.items():
        for evaluation, (test, here) in itertools.product(protocol.EVALUATIONS, phase.tests()):
            key = (classifier, condition)
            correct = phase.correct(key, _path(key, evaluation))[:, here]
            width = statistics.estimate(correct, labels[here]).half_width
            found[condition, classifier, evaluation, test, len(seeds)] = round(100 * width, 4)
    return found


def _percent(name: str, estimate: statistics.Estimate) -> dict[str, float]:
    return {name: 100 * estimate.value, f"{name}_half_width": 100 * estimate.half_width}


# Every cell, and every path


def _metrics(phase: Examined) -> Iterator[dict]:
    """A row a cell, test set, evaluation and threshold: fixed, chosen on validation images, or by the test itself."""
    labels = phase.images["label"].to_numpy()
    for key, named in _keys(phase):
        named = {name: value for name, value in named.items() if name != "seeds"}
        for (seed, scores), evaluation in itertools.product(
            zip(phase.seeds[key], phase.scores[key], strict=True), protocol.EVALUATIONS
        ):
            logits = scores.paths[_path(key, evaluation)]
            frozen = best_threshold(scores.validation_labels, scores.validation[evaluation])
            for test, here in phase.tests():
                oracle = best_threshold(labels[here], logits[here])
                for choice, threshold in (("fixed", 0.0), ("validation", frozen), ("oracle", oracle)):
                    found = metrics.metrics(labels[here], expit(logits[here]), float(expit(threshold)))
                    told = {"seed": seed, "test_set": test, "evaluation": evaluation, "threshold_choice": choice}
                    yield named | told | found


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
    labels = phase.images["label"].to_numpy()
    for key, named in _keys(phase):
        for path, (test, here) in itertools.product(phase.paths(key), phase.tests()):
            auc = [roc_auc_score(labels[here], expit(of_seed[here])) for of_seed in phase.logits(key, path)]
            found = rates(phase.correct(key, path)[:, here], labels[here])
            yield named | {"path": path, "test_set": test} | found | {"auc": float(np.mean(auc))}


def reliability(phase: Examined) -> Iterator[dict]:
    """Matched: the images by the probability stated, and how many of them are fakes."""
    labels = phase.images["label"].to_numpy()
    for (key, named), (test, here) in itertools.product(list(_keys(phase)), list(phase.tests())):
        probability = expit(phase.logits(key, key[1])[:, here].astype(np.float64))
        places = np.minimum((probability * metrics.ECE_BINS).astype(int), metrics.ECE_BINS - 1)
        for bin_ in range(metrics.ECE_BINS):
            inside = places == bin_
            if inside.any():
                fakes = np.broadcast_to(labels[here] == FAKE, inside.shape)[inside]
                stated = {"stated": float(probability[inside].mean()), "fake": float(fakes.mean())}
                yield named | {"test_set": test, "bin": bin_} | stated | {"images": int(inside.sum())}


# Conditions in pairs


def comparisons(phase: Examined) -> Iterator[dict]:
    """Differences of conditions on the same images and seeds, in points; Holm over the phase's table."""
    rows = list(_pairs(phase))
    adjusted = statistics.holm(np.array([row["p"] for row in rows])) if rows else []
    for row, p_holm in zip(rows, adjusted, strict=True):
        yield row | {"p_holm": float(p_holm)}


def _pairs(phase: Examined) -> Iterator[dict]:
    for a, b in itertools.combinations(phase.scores, 2):
        if a[0] != b[0] or not _common_seeds(phase, a, b):
            continue
        for evaluation, (test, here) in itertools.product(protocol.EVALUATIONS, phase.tests()):
            yield {
                "phase": phase.phase.name,
                "classifier": a[0],
                "a": a[1],
                "b": b[1],
                "test_set": test,
                "evaluation": evaluation,
            } | _difference(phase, a, b, evaluation, here)


def _difference(phase: Examined, a: Key, b: Key, evaluation: str, here: np.ndarray) -> dict:
    """Of the seeds that both have."""
    seeds = _common_seeds(phase, a, b)
    correct = [_of_seeds(phase, key, evaluation, seeds)[:, here] for key in (a, b)]
    found = statistics.difference(*correct, phase.images["label"].to_numpy()[here])
    told = " ".join(f"{p:.2g}" for p in statistics.mcnemar(*correct))
    return {"seeds": len(seeds)} | _percent("difference", found) | {"p": found.p_value, "mcnemar_p": told}


def _of_seeds(phase: Examined, key: Key, evaluation: str, seeds: list[int]) -> np.ndarray:
    return phase.correct(key, _path(key, evaluation))[_places(phase, key, seeds)]


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
        told = f"{value:+.1f} \N{PLUS-MINUS SIGN} {row['difference_half_width']:.1f}"
        names = (row["phase"], row["classifier"], row["test_set"], row["evaluation"])
        table.add_row(*names, told, f"{row['p']:.2g}", f"{row['p_holm']:.2g}", str(row["seeds"]))
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
    for (key, named), (test, here), (kind, names) in itertools.product(
        list(_keys(phase)), list(phase.tests()), groups.items()
    ):
        correct = phase.correct(key, key[1])
        for (name, label), rows in phase.images.iloc[here].groupby([names.iloc[here], "label"]):
            if name and len(rows) > 1:
                told = {"test_set": test, "by": kind, "group": name, "rate": "tpr" if label == FAKE else "tnr"}
                found = _percent("value", statistics.estimate(correct[:, rows.index]))
                yield named | told | found | {"n": len(rows)}


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
    labels, unseen = phase.images["label"].to_numpy(), phase.images["in_training"].to_numpy() == 0
    for key, named in _keys(phase):
        kernels = [view for view in phase.altered(key) if view.startswith("kernel-")]
        views = {"none": CLEAN, "not in training": CLEAN, "re-encoded": REENCODED} | {view: view for view in kernels}
        for (control, view), (test, here) in itertools.product(views.items(), phase.tests()):
            chosen = here[unseen[here]] if control == "not in training" else here
            found = rates(_seen(phase, key, view)[:, chosen], labels[chosen])
            against = _against_baseline(phase, key, view, chosen)
            yield named | {"control": control, "test_set": test} | found | against


def _seen(phase: Examined, key: Key, view: str) -> np.ndarray:
    """`correct` on altered images, or on untouched ones."""
    return phase.correct(key, _path(key, CLEAN) if view == CLEAN else view)


def _against_baseline(phase: Examined, key: Key, view: str, chosen: np.ndarray) -> dict:
    baseline = (key[0], "baseline")
    seeds = _common_seeds(phase, key, baseline)
    if key == baseline or not seeds:
        return {"difference": np.nan, "difference_half_width": np.nan, "p": np.nan}
    both = [_seen(phase, of, view)[_places(phase, of, seeds)][:, chosen] for of in (key, baseline)]
    found = statistics.difference(*both, phase.images["label"].to_numpy()[chosen])
    return _percent("difference", found) | {"p": found.p_value}


def robustness(phase: Examined) -> Iterator[dict]:
    """Clean, on altered images; level 0 is none."""
    labels = phase.images["label"].to_numpy()
    for key, named in _keys(phase):
        for family, of in protocol.ALTERATIONS.items():
            views = {None: CLEAN} | {level: f"{family}-{level}" for level in of.levels}
            for (level, view), (test, here) in itertools.product(views.items(), phase.tests()):
                found = rates(_seen(phase, key, view)[:, here], labels[here])
                yield named | {"alteration": family, "level": level, "test_set": test} | found


# Saliency


def _dispersion(phase: Examined) -> Iterator[dict]:
    """The mean over seeds and images of each measure, and its difference from the baseline's on the same images.

    n: the images that all seeds have a map of; Grad-CAM finds no evidence in some.
    """
    for key, named in _keys(phase):
        methods = phase.dispersion[key][0]["method"].unique()
        for method, measure in itertools.product(methods, (*MEASURES, SIMILARITY)):
            values = _measured(phase, key, method, measure, phase.seeds[key])
            found = statistics.estimate(values[:, np.isfinite(values).all(axis=0)])
            told = {"method": method, "measure": measure, "value": found.value, "half_width": found.half_width}
            yield named | told | _from_baseline(phase, key, method, measure) | {"n": found.images}


def _measured(phase: Examined, key: Key, method: str, measure: str, seeds: list[int]) -> np.ndarray:
    """float [seeds, images]; NaN where a map is zero everywhere."""
    chosen = [phase.dispersion[key][place] for place in _places(phase, key, seeds)]
    return np.stack([of_seed.loc[of_seed["method"] == method, measure] for of_seed in chosen])


def _from_baseline(phase: Examined, key: Key, method: str, measure: str) -> dict:
    """Of the seeds that both have; the p-value is not adjusted."""
    baseline = (key[0], "baseline")
    seeds = _common_seeds(phase, key, baseline)
    if key == baseline or not seeds:
        return {"difference": np.nan, "difference_half_width": np.nan, "p": np.nan}
    both = [_measured(phase, of, method, measure, seeds) for of in (key, baseline)]
    whole = np.isfinite(both).all(axis=(0, 1))
    found = statistics.difference(both[0][:, whole], both[1][:, whole])
    return {"difference": found.value, "difference_half_width": found.half_width, "p": found.p_value}
