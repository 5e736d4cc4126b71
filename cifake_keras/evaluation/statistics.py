"""Intervals and paired tests over seeds and test images together. Imports no TensorFlow.

The seeds of a condition are scored on the same images. The variance of their mean is that of a crossed random-effects
model, seeds by images: the hierarchical bootstrap's in closed form, without what makes that one's intervals too short
or too long with few seeds. scripts/simulate_coverage.py compares the two.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats import contingency_tables, multitest

from cifake_keras.runtime.errors import UserError

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and images, or a difference of two, with its error.

    With one seed the error is that of the images alone: how much seeds differ is unknown.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    seeds: int
    images: int

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
        error = max(self.standard_error, np.finfo(float).tiny)
        return float(2 * stats.t.sf(abs(self.value) / error, self.degrees_of_freedom))


def estimate(values: np.ndarray, strata: np.ndarray | None = None, balanced: bool = False) -> Estimate:
    """The mean over seeds and images of `values`; accuracy where a value is whether an answer was right.

    values: bool or float [seeds, images]. strata: [images], the classes, whose sizes were fixed, not random; they weigh
    by their size, or alike where `balanced`. Raises UserError where one has a single image.
    """
    seeds, images = values.shape
    strata = np.zeros(images) if strata is None else strata
    groups = [values[:, strata == stratum].astype(np.float64) for stratum in np.unique(strata)]
    if min(group.shape[1] for group in groups) < 2:
        raise UserError("A class with a single test image has no interval: test on more images of it.")
    weights = [1 / len(groups) if balanced else group.shape[1] / images for group in groups]
    weighed = list(zip(weights, groups, strict=True))
    of_seeds = sum(weight * group.mean(axis=1) for weight, group in weighed)
    by_seeds = of_seeds.var(ddof=1) / seeds if seeds > 1 else 0.0
    by_images = max(sum(weight**2 * _variance_by_images(group) for weight, group in weighed), 0.0)
    freedom = _degrees_of_freedom((by_seeds, max(seeds - 1, 1)), (by_images, images - len(groups)))
    return Estimate(float(of_seeds.mean()), float(np.sqrt(by_seeds + by_images)), freedom, seeds, images)


def auc(scores: np.ndarray, positive: np.ndarray) -> Estimate:
    """The area under the ROC curve of one seed's scores, with DeLong's variance (Biometrics 44, 1988).

    scores: float [images]. positive: bool [images]. Raises UserError where a class has a single image.
    """
    place = np.empty(len(scores))  # the share of the other class that lies on an image's right side, ties half
    for members, others in ((positive, ~positive), (~positive, positive)):
        below = stats.rankdata(scores)[members] - stats.rankdata(scores[members])
        place[members] = below / others.sum()
    place[~positive] = 1 - place[~positive]
    return estimate((2 * place - place[positive].mean())[None], positive, balanced=True)


def _variance_by_images(values: np.ndarray) -> float:
    """The share of the images in the variance of the mean, beyond what shows between the seeds.

    The interaction of seeds and images, which shows between the seeds too, is taken out; the result may be below zero.
    """
    seeds, images = values.shape
    of_images = values.mean(axis=0)
    variance = of_images.var(ddof=1) / images
    if seeds == 1:
        return variance
    residuals = values - of_images - values.mean(axis=1, keepdims=True) + of_images.mean()
    return variance - np.vdot(residuals, residuals) / ((seeds - 1) * (images - 1)) / (seeds * images)


def _degrees_of_freedom(*parts: tuple[float, int]) -> float:
    """Of a sum of independent variances, each given with its own: their harmonic mean, weighed by the variances.

    Satterthwaite's weights, the squares, cover too little with three seeds; averaging the quantiles (Cochran and Cox)
    covers too much. This lies between the two.
    """
    total = sum(variance for variance, _ in parts)
    return float(total / sum(variance / freedom for variance, freedom in parts)) if total else 1.0


def difference(
    values_a: np.ndarray, values_b: np.ndarray, strata: np.ndarray | None = None, balanced: bool = False
) -> Estimate:
    """The mean of a - b of two conditions, paired by seed and image: their values, as `estimate` takes them.

    Raises UserError where their shapes differ.
    """
    _require_pairs(values_a, values_b)
    return estimate(values_a.astype(np.float64) - values_b, strata, balanced)


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
