"""How often 95% intervals hold a known truth, and how often the paired test rejects a true null, in simulated studies.

Ours (cifake_keras.evaluation.statistics) beside the percentile hierarchical bootstrap, which draws seeds, then images
that the seeds share. A study is two conditions of the same true accuracy. Writes results/coverage.csv and
results/coverage.md.
"""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
from scipy import optimize, special
from tabulate import tabulate

from cifake_keras.evaluation import statistics
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import track

STUDIES, BATCH, REPLICATES = 1000, 25, 399
BOUNDS = {"coverage": (0.93, 0.97), "rejected": (0.035, 0.065)}  # what is asked of an interval and of a test
CORRELATION = 0.8  # of an image's difficulty under the one condition with that under the other
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(100)
WEIGHTS /= WEIGHTS.sum()


@dataclass(frozen=True)
class Setting:
    seeds: int
    images: int
    accuracy: float  # the truth: its expectation over seeds and images
    seed_sd: float  # of a seed's accuracy over all images, in points
    image_sd: float  # of the images' difficulty, in logits


SETTINGS = [
    Setting(*values)
    for values in itertools.product((3, 5, 10), (600, 10_000), (0.6, 0.94), (0.0, 1.0, 3.0), (0.0, 2.0, 5.0))
]


def logits(setting: Setting) -> tuple[float, float]:
    """Mean and standard deviation of the seeds' skill in logits that give the setting's accuracy and seed_sd."""

    def excess(parameters: np.ndarray) -> tuple[float, float]:
        mean, sd = parameters
        of_seeds = special.expit(mean + sd * NODES[:, None] + setting.image_sd * NODES) @ WEIGHTS
        accuracy = of_seeds @ WEIGHTS
        return accuracy - setting.accuracy, np.sqrt((of_seeds - accuracy) ** 2 @ WEIGHTS) - setting.seed_sd / 100

    if not setting.seed_sd:
        return optimize.brentq(lambda mean: excess((mean, 0))[0], 0, 50), 0.0
    (mean, sd), _, status, message = optimize.fsolve(excess, (special.logit(setting.accuracy), 0.2), full_output=True)
    assert status == 1, message
    return mean, sd


def studies(setting: Setting, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless studies: bool [2 conditions, seeds, images], right with probability expit(skill - difficulty)."""
    mean, sd = logits(setting)
    while True:
        shared, own = rng.standard_normal(setting.images), rng.standard_normal((2, 1, setting.images))
        difficulty = setting.image_sd * (np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * own)
        skill = mean + sd * rng.standard_normal((2, setting.seeds, 1))
        odds_of_error = np.exp(-skill).astype(np.float32) * np.exp(difficulty).astype(np.float32)
        yield rng.random(odds_of_error.shape, np.float32) * (1 + odds_of_error) < 1


def resamples(size: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [REPLICATES, size]: the weight of each of `size` units in each replicate."""
    drawn = rng.integers(size, size=(REPLICATES, size))
    return np.stack([np.bincount(row, minlength=size) for row in drawn]).astype(np.float32) / size


def bootstrap(correct: np.ndarray, seeds: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile intervals [2, studies] of the first condition's accuracy and of the difference of the two.

    correct: bool [studies, 2, seeds, images]. seeds, images: their resamples, which the studies of a setting share.
    """
    of_seeds = images @ correct.reshape(-1, images.shape[1]).T.astype(np.float32)
    means = np.einsum("rtcs,rs->rtc", of_seeds.reshape(-1, *correct.shape[:3]), seeds)
    levels = (1 - statistics.LEVEL) / 2, (1 + statistics.LEVEL) / 2
    pair = means[..., 0], means[..., 0] - means[..., 1]
    return tuple(np.quantile(replicates, levels, axis=0, method="weibull") for replicates in pair)


def simulate(setting: Setting, seed: int) -> dict[str, float]:
    """Of STUDIES studies the shares that cover and that reject, and the mean half-widths in points."""
    rng = np.random.Generator(np.random.SFC64(seed))
    source, drawn = studies(setting, rng), (resamples(setting.seeds, rng), resamples(setting.images, rng))
    rows = []
    for _ in range(STUDIES // BATCH):
        batch = np.stack([next(source) for _ in range(BATCH)])
        for study, (low, high), (lowest, highest) in zip(batch, *(i.T for i in bootstrap(batch, *drawn)), strict=True):
            ours, paired = statistics.estimate(study[0]), statistics.difference(*study)
            rows.append(
                {
                    "coverage": abs(ours.value - setting.accuracy) <= ours.half_width,
                    "bootstrap_coverage": low <= setting.accuracy <= high,
                    "rejected": paired.p_value < 1 - statistics.LEVEL,
                    "bootstrap_rejected": not lowest <= 0 <= highest,
                    "half_width": 100 * ours.half_width,
                    "bootstrap_half_width": 100 * (high - low) / 2,
                }
            )
    return pd.DataFrame(rows).mean().to_dict()


def ranges(table: pd.DataFrame) -> str:
    """Markdown: a row for each number of seeds and seed_sd, with the least and the most over the other settings."""

    def extent(values: pd.Series) -> str:
        return f"{100 * values.min():.1f} to {100 * values.max():.1f}%"

    shares = ["coverage", "bootstrap_coverage", "rejected", "bootstrap_rejected"]
    groups = table.groupby(["seeds", "seed_sd"])[shares].agg(extent).reset_index()
    headings = ["Seeds", "SD of seeds, points", "Coverage, ours", "bootstrap", "True null rejected, ours", "bootstrap"]
    return groups.to_markdown(headers=headings, index=False, colalign=["right"] * len(headings))


def outside(shares: pd.Series, errors: float = 0) -> pd.Series:
    """Of each setting whether its share is outside BOUNDS by more than `errors` standard errors of the simulation."""
    low, high = BOUNDS[shares.name.removeprefix("bootstrap_")]
    slack = errors * np.sqrt(shares * (1 - shares) / STUDIES)
    return ~shares.between(low - slack, high + slack)


def counts(table: pd.DataFrame) -> str:
    """Markdown: the number of settings outside, of each method."""
    rows = []
    for name, prefix in {"ours": "", "bootstrap": "bootstrap_"}.items():
        shares = [table[prefix + what] for what in BOUNDS]
        rows.append([name, *(outside(share, errors).sum() for share in shares for errors in (0, 2))])
    clearly = "by more than two standard errors"
    headings = ["", "Coverage outside 93 to 97%", clearly, "Rejections outside 3.5 to 6.5%", clearly]
    return tabulate(rows, headings, "pipe")


def markdown(table: pd.DataFrame) -> str:
    lines = [
        "# Coverage of the intervals",
        f"Written by `python scripts/simulate_coverage.py`: {STUDIES:,} simulated studies in each of {len(table)} "
        "settings. A seed is right about an image with probability expit(skill - difficulty), both normal: accuracy "
        f"{_listed(table['accuracy'])}, {_listed(table['images'])} images, standard deviation of difficulty "
        f"{_listed(table['image_sd'])} logits. The paired test compares two conditions of the same true accuracy.",
        "Ours is the variance of a crossed random-effects model with a t quantile (`evaluation/statistics.py`); the "
        f"bootstrap is the percentile hierarchical one, {REPLICATES} replicates. The number of settings outside:",
        counts(table),
        "Where few seeds differ, the bootstrap's intervals are too short: it takes the seeds' variance for (S - 1) / S "
        "of what it is and knows no t quantile. Where seeds hardly differ they are too long: it counts the interaction "
        "of seeds and images three times. The range over the other settings:",
        ranges(table),
        "The settings in which ours is outside follow (`coverage.csv` has them all). A share of 95% has a standard "
        "error of 0.7 points. What recurs is accuracy 0.94 with a standard deviation of 3 points: the seeds' "
        "accuracies are then skewed, which no interval from so few of them can know.",
        table[outside(table["coverage"]) | outside(table["rejected"])].to_markdown(index=False),
    ]
    return "\n\n".join(lines) + "\n"


def _listed(values: pd.Series) -> str:
    return " or ".join(f"{value:,}" for value in values.unique())


@click.command()
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(results_dir: Path) -> None:
    """Simulate every setting, in about five minutes of one core."""
    numbered = track(enumerate(SETTINGS), "settings", len(SETTINGS))
    table = pd.DataFrame([asdict(setting) | simulate(setting, seed) for seed, setting in numbered])
    files.write_text(results_dir / "coverage.csv", table.to_csv(index=False, float_format="%.4g"))
    files.write_text(results_dir / "coverage.md", markdown(table))


if __name__ == "__main__":
    main()
