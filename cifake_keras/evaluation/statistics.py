"""Intervals and paired tests over seeds and test images together. Imports no TensorFlow.

Everything measured here is a mean over seeds of a weighted mean over images, of one value an image: whether the answer
was right, or its place among the scores of the other class, whose mean is the AUC. The weights make the metric: images
weigh alike (accuracy), classes alike (balanced accuracy), generators alike among the fakes (a mean over generators).

The seeds of a condition are scored on the same images. The variance of their mean is that of a crossed random-effects
model, seeds by images. scripts/simulate_coverage.py shows how often its intervals hold the truth.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats import contingency_tables, multitest

from cifake_keras.runtime.errors import UserError

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and images, or a difference of two, with the two parts of its variance.

    by_seeds: the part that shows between the seeds, 0 with one seed: how much seeds differ is unknown then. by_images:
    what the images add to it, with image_freedom degrees of freedom. seed_variance: of one seed's mean over endless
    images; NaN with one seed.
    """

    value: float
    by_seeds: float
    by_images: float
    seed_variance: float
    seeds: int
    images: int
    image_freedom: int

    @property
    def standard_error(self) -> float:
        return float(np.sqrt(self.by_seeds + self.by_images))

    @property
    def degrees_of_freedom(self) -> float:
        """Of the sum of the two variances: the harmonic mean of their own, weighed by the variances.

        Satterthwaite's weights, the squares, cover 92% to 95% with three seeds and 94% to 95% with five; these cover
        94% to 96% and 95% to 96%; averaging the quantiles (Cochran and Cox) covers more (results/coverage.md).
        """
        total = self.by_seeds + self.by_images
        inverse = self.by_seeds / max(self.seeds - 1, 1) + self.by_images / self.image_freedom
        return float(total / inverse) if total else 1.0

    @property
    def half_width(self) -> float:
        """Of the 95% interval."""
        return float(self.standard_error * stats.t.ppf((1 + LEVEL) / 2, self.degrees_of_freedom))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval."""
        return self.value - self.half_width, self.value + self.half_width

    @property
    def p_value(self) -> float:
        """Two-sided, of the true value being zero."""
        return 2 * self._p_above(abs(self.value))

    def p_beyond(self, margin: float) -> float:
        """Of the true value lying `margin` or more from zero: the larger p-value of two one-sided tests (TOST).

        Below 0.05 where the 90% interval lies within the margin (Schuirmann, J. Pharmacokin. Biopharm. 15, 1987).
        """
        return self._p_above(margin - abs(self.value))

    def _p_above(self, distance: float) -> float:
        """The chance of an estimate that far above the truth."""
        error = max(self.standard_error, np.finfo(float).tiny)
        return float(stats.t.sf(distance / error, self.degrees_of_freedom))


def estimate(
    values: np.ndarray,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Estimate:
    """The mean over seeds and images of `values`; accuracy where a value is whether an answer was right.

    values: bool or float [seeds, images]. strata: [images], the classes and generators, whose sizes were fixed, not
    random. weights: float [images], of the images in the mean, alike unless given (`evenly`). groups: [images], which
    images were drawn together, as those of one prompt; each by itself unless given. Raises UserError where a stratum
    has a single image or group.
    """
    seeds, images = values.shape
    strata = np.zeros(images) if strata is None else strata
    weights = np.ones(images) if weights is None else weights
    of_seeds = np.average(values, axis=1, weights=weights)
    drawn = _linearised(values, strata, weights / weights.sum(), groups)
    of_drawn = drawn.mean(axis=0)
    interaction = np.sum((drawn - of_drawn) ** 2) / max(seeds - 1, 1)  # of seeds and images, in one seed's mean
    by_seeds = of_seeds.var(ddof=1) / seeds if seeds > 1 else 0.0
    return Estimate(
        value=float(of_seeds.mean()),
        by_seeds=float(by_seeds),
        by_images=float(max(of_drawn @ of_drawn - interaction / seeds, 0)),
        seed_variance=float(max(seeds * by_seeds - interaction, 0)) if seeds > 1 else np.nan,
        seeds=seeds,
        images=images,
        image_freedom=max(drawn.shape[1] - len(np.unique(strata)), 1),
    )


def _linearised(values: np.ndarray, strata: np.ndarray, weights: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """float [seeds, groups]: what each group drawn adds to a seed's mean; the sum of squares is the mean's variance.

    Taylor linearisation of a weighted mean in strata, the ratio estimator of survey statistics (Cochran, Sampling
    Techniques, 1977, chapter 6): groups may differ in size and span strata.
    """
    linearised = np.empty(values.shape)
    for inside in (strata == stratum for stratum in np.unique(strata)):
        drawn = inside.sum() if groups is None else len(np.unique(groups[inside]))
        if drawn < 2:
            raise UserError("A class with a single test image has no interval: test on more images of it.")
        own, share = values[:, inside].astype(np.float64), weights[inside]
        deviations = own - np.average(own, axis=1, weights=share)[:, None]
        linearised[:, inside] = deviations * share * np.sqrt(drawn / (drawn - 1))
    if groups is None:
        return linearised
    _, places = np.unique(groups, return_inverse=True)
    return np.stack([np.bincount(places, of_seed) for of_seed in linearised])


def evenly(classes: np.ndarray, strata: np.ndarray | None = None) -> np.ndarray:
    """float [images], of sum 1: weights by which classes weigh alike, and within a class its strata.

    classes, strata: [images]. With the fakes' generators as strata and a single one of photographs, a mean with these
    weights is the mean over generators of what each gives against the same photographs.
    """
    strata = np.zeros(len(classes)) if strata is None else strata
    weights = np.empty(len(classes))
    for inside in (classes == name for name in np.unique(classes)):
        _, places, counts = np.unique(strata[inside], return_inverse=True, return_counts=True)
        weights[inside] = 1 / (len(counts) * counts[places])
    return weights / weights.sum()


def difference(
    values_a: np.ndarray,
    values_b: np.ndarray,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Estimate:
    """The mean of a - b of two conditions, paired by seed and image: their values, as `estimate` takes them.

    Raises UserError where their shapes differ.
    """
    _require_pairs(values_a, values_b)
    return estimate(values_a.astype(np.float64) - values_b, strata, weights, groups)


def auc_values(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float [seeds, images]: values whose mean is the area under the ROC curve, and its variance DeLong's.

    scores: float [seeds, images]. positive: bool [images]. weights: those of `evenly`; `estimate` and `difference`
    take the values with the same. An image's place is the share of the other class that lies on its right side, ties
    half (DeLong et al., Biometrics 44, 1988); twice its distance from the AUC counts, as each class weighs one half.
    """
    places = np.empty(scores.shape)
    for own, others in ((positive, ~positive), (~positive, positive)):
        for of_seed, place in zip(scores, places, strict=True):
            place[own] = _share_below(of_seed[own], of_seed[others], weights[others])
    places[:, ~positive] = 1 - places[:, ~positive]
    return 2 * places - np.average(places, axis=1, weights=weights)[:, None]


def _share_below(scores: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted share of `others` below each score, ties half."""
    order = np.argsort(others)
    shares = np.concatenate([[0], np.cumsum(weights[order])]) / weights.sum()
    below, not_above = (np.searchsorted(others[order], scores, side) for side in ("left", "right"))
    return (shares[below] + shares[not_above]) / 2


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> list[float]:
    """The exact p-value of each seed by itself: whether a and b err on equally many images.

    correct_a, correct_b: bool [seeds, images]. Raises UserError as `difference` does.
    """
    _require_pairs(correct_a, correct_b)
    tables = ([[0, np.sum(a & ~b)], [np.sum(b & ~a), 0]] for a, b in zip(correct_a, correct_b, strict=True))
    return [float(contingency_tables.mcnemar(table, exact=True).pvalue) for table in tables]


def _require_pairs(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise UserError(
            f"Scores of {a.shape[0]} and {b.shape[0]} seeds on {a.shape[1]} and {b.shape[1]} images cannot be paired: "
            "compare them on what both have."
        )


def holm(p_values: np.ndarray) -> np.ndarray:
    """A table's p-values, adjusted: taking those below 0.05 rejects any true null in at most 5% of such tables."""
    return multitest.multipletests(p_values, method="holm")[1]
