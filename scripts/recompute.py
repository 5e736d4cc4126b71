"""The numbers of the main tables once more, from the stored logits, with numpy and scikit-learn alone.

A second person's program: it shares no line with the package, reads its files and knows its definitions from docs/
alone. It compares every mean and half-width of table3, table4, generators, routes, verdicts, reproductions,
diversity and systems with its own, and ends with status 1 where one differs by more than rounding.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

TOLERANCE = 1e-3  # of points and of AUC in hundredths; tables have four digits
EVALUATIONS = "matched", "clean"
# Clean, images are not perturbed: they take the path of another condition.
CLEAN = {"perturbed": "baseline", "perturbed_autoencoded": "autoencoded"}

# A classifier and a condition.
System = tuple[str, str]


class Phase:
    """Logits by system: {view: [seeds, images]}; images: dicts; thresholds: of validation images, one a seed."""

    def __init__(self, folder: Path):
        self.images = rows(folder / "images.csv")
        self.labels = np.array([int(image["label"]) for image in self.images])
        self.logits: dict[System, dict[str, np.ndarray]] = {}
        self.thresholds: dict[tuple[System, str], np.ndarray] = {}
        files: dict[System, list[Path]] = {}
        for file in sorted(folder.glob("*/*/seed-*/examination/scores.npz"), key=seed_of):
            condition, classifier = file.relative_to(folder).parts[:2]
            files.setdefault((classifier, condition), []).append(file)
        for system, of_seeds in files.items():
            self._read(system, [dict(np.load(file)) for file in of_seeds])

    def _read(self, system: System, seeds: list[dict[str, np.ndarray]]) -> None:
        # Earlier versions called paths otherwise, and kept of altered images the decisions alone, as bits.
        logits = [name for name, of in seeds[0].items() if of.dtype == np.float16]
        views = [name for name in logits if name.startswith(("path ", "paths ", "altered "))]
        of = {name.split(" ", 1)[1]: np.stack([s[name].astype(float) for s in seeds]) for name in views}
        self.logits[system] = of
        for evaluation in EVALUATIONS:
            chosen = [best_threshold(s["labels"], s[f"validation {evaluation}"].astype(float)) for s in seeds]
            self.thresholds[system, evaluation] = np.array(chosen)

    def evaluated(self, system: System, evaluation: str) -> np.ndarray:
        """[seeds, images]. Conditions that change training images alone test on the baseline's path."""
        views, (_, condition) = self.logits[system], system
        path = CLEAN.get(condition, condition) if evaluation == "clean" else condition
        return views[path if path in views else "baseline"]

    def places(self, test_set: str, generators: set[str] | None = None) -> np.ndarray:
        """The images of a test set: all photographs, and the fakes of some generators, or all."""
        inside = (
            image["test_set"] == test_set
            and (image["label"] == "0" or generators is None or image["source"] in generators)
            for image in self.images
        )
        return np.flatnonzero(list(inside))

    def column(self, name: str, places: np.ndarray) -> np.ndarray:
        return np.array([self.images[place][name] for place in places])


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seed_of(path: Path) -> int:
    return int(next(part for part in path.parts if part.startswith("seed-")).removeprefix("seed-"))


def best_threshold(labels: np.ndarray, logits: np.ndarray) -> float:
    """Half-way between two logits, with the best balanced accuracy; the lowest of several."""
    values = np.unique(logits)
    candidates = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]])
    real, fake = np.sort(logits[labels == 0]), np.sort(logits[labels == 1])
    spared = np.searchsorted(real, candidates) / len(real)
    caught = 1 - np.searchsorted(fake, candidates) / len(fake)
    return float(candidates[np.argmax(spared + caught)])


# Means with intervals: a crossed model of seeds and images


def t_quantile(share: float, freedom: float) -> float:
    """Of Student's distribution, by integrating its density and halving."""
    angle = np.linspace(0, np.pi / 2, 20_001)  # t = sqrt(freedom) tan(angle)
    density = np.cos(angle) ** (freedom - 1)
    cumulated = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(np.sqrt(freedom) * np.tan(np.interp(share, 0.5 + 0.5 * cumulated / cumulated[-1], angle)))


def interval(
    values: np.ndarray, weights: np.ndarray, strata: np.ndarray, groups: np.ndarray, more: tuple[float, float] = (0, 0)
) -> tuple[float, float]:
    """The mean over seeds and images of values [seeds, images], and the half-width of its 95% interval.

    more: what is added to the variance of seeds (in variances of one seed over endless images) and to that of images.
    """
    seeds, weights = len(values), weights / weights.sum()
    means = values @ weights
    parts: dict[object, np.ndarray] = {}
    for stratum in set(strata):
        inside = strata == stratum
        own = values[:, inside]
        centre = own @ weights[inside] / weights[inside].sum()
        count = len(set(groups[inside]))
        deviations = (own - centre[:, None]) * weights[inside] * np.sqrt(count / (count - 1))
        for group, deviation in zip(groups[inside], deviations.T, strict=True):
            parts[group] = parts.get(group, 0) + deviation
    drawn = np.array(list(parts.values())).T
    interaction = ((drawn - drawn.mean(0)) ** 2).sum() / max(seeds - 1, 1)
    by_seeds = means.var(ddof=1) / seeds if seeds > 1 else 0.0
    by_images = max((drawn.mean(0) ** 2).sum() - interaction / seeds, 0)
    by_seeds += more[0] * max(seeds * by_seeds - interaction, 0)
    by_images += more[1]
    total = by_seeds + by_images
    if not total:
        return float(means.mean()), 0.0
    freedom = total / (by_seeds / max(seeds - 1, 1) + by_images / max(drawn.shape[1] - len(set(strata)), 1))
    return float(means.mean()), t_quantile(0.975, freedom) * float(np.sqrt(total))


class Sample:
    """Images of a test set with what a metric needs to know of them."""

    def __init__(self, phase: Phase, places: np.ndarray):
        self.places, self.fake = places, phase.labels[places] == 1
        self.strata = np.where(self.fake, phase.column("source", places), "")
        names, sources = phase.column("filename", places), phase.column("source", places)
        prompted = np.char.startswith(sources.astype(str), "DrawBench")
        folders = np.array([name.rpartition("/")[0] for name in names])
        self.groups = np.where(prompted, folders, [f"image {place}" for place in places])
        self.even = np.zeros(len(places))
        for kind in (False, True):
            generators = set(self.strata[self.fake == kind])
            for name in generators:
                inside = (self.fake == kind) & (self.strata == name)
                self.even[inside] = 0.5 / len(generators) / inside.sum()

    def accuracy(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ((logits >= 0) == self.fake).astype(float), np.full(len(self.places), 1 / len(self.places))

    def balanced(self, logits: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Checked against scikit-learn's."""
        right = (logits >= thresholds[:, None]) == self.fake
        for of_seed, decided in zip(right, logits >= thresholds[:, None], strict=True):
            assert np.isclose(of_seed @ self.even, balanced_accuracy_score(self.fake, decided, sample_weight=self.even))
        return right.astype(float), self.even

    def auc(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """DeLong's places, by comparing each fake with each photograph; checked against scikit-learn's area."""
        values = np.empty(logits.shape)
        for of_seed, value in zip(logits, values, strict=True):
            fakes, photographs = of_seed[self.fake][:, None], of_seed[~self.fake]
            above = (fakes > photographs) + 0.5 * (fakes == photographs)
            area = roc_auc_score(self.fake, of_seed, sample_weight=self.even)
            value[self.fake] = 2 * above.mean(1) - area
            value[~self.fake] = 2 * (self.even[self.fake] @ above) / self.even[self.fake].sum() - area
            assert np.isclose(value @ self.even, area)
        return values, self.even

    def interval(self, values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        return interval(values, weights, self.strata, self.groups)


# The tables, a function each: the rows as they are in the file, and what of them is computed here


Checked = Iterator[tuple[dict[str, str], dict[str, float]]]


def system_of(row: dict[str, str]) -> System:
    return row["classifier"], row["condition"]


def with_width(name: str, mean_and_width: tuple[float, float], width: str = "", scale: float = 100) -> dict[str, float]:
    return {name: scale * mean_and_width[0], width or f"{name}_half_width": scale * mean_and_width[1]}


def accuracies(table: list[dict[str, str]], phases: dict[str, Phase], name: str) -> Checked:
    phase = phases[name]
    for row in table:
        places = phase.places(row["test_set"])
        if not len(places) or system_of(row) not in phase.logits:
            continue  # not examined
        sample = Sample(phase, places)
        values, weights = sample.accuracy(phase.evaluated(system_of(row), row["evaluation"])[:, sample.places])
        yield row, with_width("accuracy", interval(values, weights, sample.fake, sample.places), "half_width")


def measured(sample: Sample, logits: np.ndarray, thresholds: np.ndarray) -> dict[str, float]:
    fixed, chosen = (sample.balanced(logits, at) for at in (np.zeros(len(logits)), thresholds))
    return {
        **with_width("balanced_accuracy_fixed", sample.interval(*fixed)),
        **with_width("balanced_accuracy_validation", sample.interval(*chosen)),
        **with_width("auc", sample.interval(*sample.auc(logits)), scale=1),
    }


def generators(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    for row in table:
        phase, system, evaluation = phases[row["phase"]], system_of(row), row["evaluation"]
        chosen = None if row["generator"] == "mean" else {row["generator"]}
        sample = Sample(phase, phase.places(row["test_set"], chosen))
        logits = phase.evaluated(system, evaluation)[:, sample.places]
        yield row, measured(sample, logits, phase.thresholds[system, evaluation])


def routes(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    for row in table:
        phase, system = phases[row["phase"]], system_of(row)
        sample = Sample(phase, phase.places(row["test_set"]))
        real, fake = (view(phase, system, row[of], row["kernel"])[:, sample.places] for of in ("photographs", "fakes"))
        logits = np.where(sample.fake, fake, real)
        yield row, measured(sample, logits, phase.thresholds[system, "clean"])


def view(phase: Phase, system: System, route: str, kernel: str) -> np.ndarray:
    name = f"kernel-{kernel}" if route == "direct" else f"{route}-{kernel}"
    views = phase.logits[system]
    return views[name] if name in views else phase.evaluated(system, "clean")


def verdicts(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    for row in table:
        phase = phases[row["phase"]]
        sample = Sample(phase, phase.places(row["test_set"]))
        systems = ((row[f"classifier_{of}"], row[of]) for of in ("a", "b"))
        (a, weights), (b, _) = (answered(phase, sample, row, system) for system in systems)
        yield row, with_width("difference", sample.interval(a - b, weights))


def answered(phase: Phase, sample: Sample, row: dict[str, str], system: System) -> tuple[np.ndarray, np.ndarray]:
    logits = phase.evaluated(system, "matched")[:, sample.places]
    thresholds = phase.thresholds[system, "matched"] * (row["threshold"] == "validation")
    metrics = {
        "accuracy": lambda: sample.accuracy(logits),
        "balanced_accuracy": lambda: sample.balanced(logits, thresholds),
        "auc": lambda: sample.auc(logits),
    }
    return metrics[row["metric"]]()


def reproductions(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    """One study of the paper's size: its class mix, the variance of a seed, and that of new images."""
    sizes = {"cifake": (5_000, 5_000), "sdv15": (1_000, 798), "in_sample": (5_000, 5_000), "sdv21": (1_000, 1_000)}
    for row in table:
        phase = phases[row["phase"]]
        sample = Sample(phase, phase.places(row["test_set"]))
        right, _ = sample.accuracy(phase.evaluated(("paper", row["condition"]), "matched")[:, sample.places])
        shares = np.array(sizes[row["test_set"]]) / sum(sizes[row["test_set"]])
        rates = [right[:, sample.fake == kind].mean() for kind in (False, True)]
        new = sum(s**2 * r * (1 - r) / n for s, r, n in zip(shares, rates, sizes[row["test_set"]], strict=True))
        weights = np.where(sample.fake, shares[1] / sample.fake.sum(), shares[0] / (~sample.fake).sum())
        yield row, with_width("predicted", interval(right, weights, sample.fake, sample.places, (1, new)))


def diversity(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    for row in table:
        new = {"SDv1.1", "DrawBench SDv2.1"}
        computed: dict[str, float] = {}
        for metric in ("auc", "balanced_accuracy"):
            of = {}
            for name in (row["phase"], "diverse0"):
                sample = Sample(phases[name], phases[name].places("equal_size", new))
                of[name], weights = answered(
                    phases[name], sample, {"metric": metric, "threshold": "validation"}, system_of(row)
                )
            scale = 1 if metric == "auc" else 100
            computed |= with_width(metric, sample.interval(of[row["phase"]], weights), scale=scale)
            if row["phase"] != "diverse0":
                change = sample.interval(of[row["phase"]] - of["diverse0"], weights)
                computed |= with_width(f"{metric}_difference", change, scale=scale)
        yield row, computed


def systems(table: list[dict[str, str]], phases: dict[str, Phase]) -> Checked:
    for row in table:
        phase, system = phases[row["phase"]], system_of(row)
        beyond, in_sample = (Sample(phase, phase.places(name)) for name in (row["test_set"], "cifake"))
        area = answered(phase, beyond, {"metric": "auc", "threshold": ""}, system)
        balanced = answered(phase, beyond, {"metric": "balanced_accuracy", "threshold": "validation"}, system)
        accuracy = answered(phase, in_sample, {"metric": "accuracy", "threshold": "fixed"}, system)
        yield (
            row,
            with_width("accuracy", in_sample.interval(*accuracy))
            | with_width("auc", beyond.interval(*area), scale=1)
            | with_width("balanced_accuracy", beyond.interval(*balanced)),
        )


def compared(results: Path) -> Iterator[tuple[str, int, float]]:
    """Of each table that there is: its name, how many numbers were computed, and the largest difference."""
    phases = {folder.parent.name: Phase(folder.parent) for folder in results.glob("runs/*/images.csv")}
    made = {
        "table3": lambda table: accuracies(table, phases, "phase1"),
        "table4": lambda table: accuracies(table, phases, "phase2"),
        **{
            of.__name__: lambda table, of=of: of(table, phases)
            for of in (generators, routes, verdicts, reproductions, diversity, systems)
        },
    }
    for name, compute in made.items():
        path = results / "tables" / f"{name}.csv"
        if path.exists():
            pairs = [
                (float(row[column]), value)
                for row, computed in compute(rows(path))
                for column, value in computed.items()
                if row.get(column)
            ]
            # Relative where it is large: with two seeds an interval may be wider than any rate.
            apart = (abs(stated - value) / max(1, abs(value)) for stated, value in pairs)
            yield name, len(pairs), max(apart, default=0.0)


def check(results: Path) -> None:
    """Prints a line a table. Raises SystemExit where one has other numbers."""
    other = []
    for name, count, difference in compared(results):
        print(f"{name}: {count} numbers, largest difference {difference:.5f}")
        other += [name] * (difference > TOLERANCE)
    if other:
        raise SystemExit(f"not the same numbers: {', '.join(other)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    check(parser.parse_args().results_dir)


if __name__ == "__main__":
    main()
