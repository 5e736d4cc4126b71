"""Chooses the detector of pictures as they are by the rule of docs/protocol.md: probes with each family left out.

Features of a source are kept below the data folder, in `pictures`, and not computed again. In results/detectors come
native_families.csv, a row a candidate, family and way, and native.csv, their means over families.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
import tensorflow as tf
from development import pretrained, validates
from pictures import cut, drawn, halved, pictures
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cifake_keras.evaluation.metrics import metrics
from cifake_keras.models import native
from cifake_keras.models.backbones.efficientnet_lite0 import CHANNELS
from cifake_keras.protocol import (
    BACKBONES,
    FAKE,
    FAMILIES,
    REAL,
    TEST_PHOTOGRAPHS,
    THRESHOLD,
    TRAINING_PHOTOGRAPHS,
)
from cifake_keras.report.evidence import best_threshold
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track

WAYS = {"cut": cut, "halved": halved}
VIEWS = 4  # of a picture, to learn from
SEED = 1
STAGES = range(5)  # whose maps candidates may see; 0 is the stem
CERTAIN = 1e-7  # a probe's probability is no nearer to 0 and 1


@dataclass(frozen=True)
class Candidate:
    """stages: whose maps it sees; 0 is the stem. hidden: units between them and the logit. penalties: by validation.

    probes: how many are trained, each from a seed of its own, whose logits are averaged.
    """

    name: str
    stages: tuple[int, ...]
    hidden: tuple[int, ...] = ()
    penalties: tuple[float, ...] = (1.0, 10.0, 100.0)
    probes: int = 1


CANDIDATES = (
    Candidate("linear", (1, 2, 3)),
    Candidate("linear, with the stem", (0, 1, 2, 3)),
    Candidate("linear, with stage 4", (1, 2, 3, 4)),
    Candidate("dense", (1, 2, 3), (64,), (0.1, 1.0, 10.0)),
    Candidate("dense, with the stem", (0, 1, 2, 3), (64,), (0.1, 1.0, 10.0)),
    Candidate("dense, with stage 4", (1, 2, 3, 4), (64,), (0.1, 1.0, 10.0)),
    Candidate("five dense", (1, 2, 3), (64,), (0.1, 1.0, 10.0), probes=5),
    Candidate("five dense, with the stem", (0, 1, 2, 3), (64,), (0.1, 1.0, 10.0), probes=5),
    Candidate("five dense, with stage 4", (1, 2, 3, 4), (64,), (0.1, 1.0, 10.0), probes=5),
)


class Features:
    """Those of the pictures of a source: in each way, and in the views that candidates learn from."""

    def __init__(self, archives: Path, data_dir: Path):
        self._archives, self._data_dir = archives, data_dir
        self.backbone = pretrained(BACKBONES["efficientnet_lite0"], data_dir)
        network = native.statistics(self.backbone, STAGES)
        self._ask = tf.function(lambda images: network(images / 255, training=False), reduce_retracing=True)

    def __call__(self, source: str) -> dict[str, np.ndarray]:
        """By name of the way, float32 [n, features]; of `views`, [n, VIEWS, features]; and `digest`, text [n]."""
        kept = self._data_dir / "pictures" / f"{source}.npz"
        if not kept.exists():
            computed = self._computed(source)
            with files.replacing(kept) as temporary:
                np.savez(temporary, **computed)
        return dict(np.load(kept))

    def _computed(self, source: str) -> dict[str, np.ndarray]:
        found: dict[str, list] = {name: [] for name in ("digest", "views", *WAYS)}
        for digest, picture in track(pictures(source, self._archives, self._data_dir), source):
            draws = np.random.default_rng(int(digest[:16], 16))
            views = [drawn(picture, draws) for _ in range(VIEWS)]
            asked = self.of([*views, *(way(picture) for way in WAYS.values())])
            for name, value in zip(found, (digest, asked[:VIEWS], *asked[VIEWS:]), strict=True):
                found[name].append(value)
        return {name: np.stack(values) for name, values in found.items()}

    def of(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [n, features]; those of one size are asked about together."""
        shapes = np.array([image.shape[:2] for image in images])
        found = np.empty((len(images), 2 * sum(CHANNELS[stage] for stage in STAGES)), np.float32)
        for shape in np.unique(shapes, axis=0):
            places = np.flatnonzero((shapes == shape).all(axis=1))
            found[places] = self._ask(tf.constant(np.stack([images[place] for place in places]), tf.float32))
        return found


def columns(stages: tuple[int, ...]) -> np.ndarray:
    """The places of the features of these stages among those of all."""
    ends = np.cumsum([0, *(2 * CHANNELS[stage] for stage in STAGES)])
    return np.concatenate([np.arange(ends[stage], ends[stage + 1]) for stage in stages])


@dataclass(frozen=True)
class Learned:
    """features: [n, ...], a row a view; labels: int [n]; validating: bool [n]."""

    features: np.ndarray
    labels: np.ndarray
    validating: np.ndarray


def learned(family: str | None, features: Features) -> Learned:
    """The views of the fakes of all families but that one, and of as many photographs."""
    fakes = [source for name, sources in FAMILIES.items() if name != family for source in sources]
    parts = [(features(source), FAKE) for source in fakes]
    count = sum(len(part["digest"]) for part, _ in parts)
    photographs = features(TRAINING_PHOTOGRAPHS)
    first = np.argsort(photographs["digest"])[:count]
    parts.append(({name: values[first] for name, values in photographs.items()}, REAL))
    digests = np.concatenate([part["digest"] for part, _ in parts])
    validating = np.array(list(map(validates, digests)))
    labels = np.concatenate([np.full(len(part["digest"]), label) for part, label in parts])
    of_views = np.concatenate([part["views"] for part, _ in parts])
    count = of_views.shape[1]
    return Learned(of_views.reshape(-1, *of_views.shape[2:]), labels.repeat(count), validating.repeat(count))


@dataclass(frozen=True)
class Probe:
    """What is trained of a candidate: pipelines of a scaler and a network."""

    candidate: Candidate
    parts: tuple[Pipeline, ...]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float64 [n]. features: of all stages."""
        seen = features[:, columns(self.candidate.stages)]
        likely = [part.predict_proba(seen)[:, FAKE].astype(np.float64) for part in self.parts]
        return np.mean([logit(np.clip(of, CERTAIN, 1 - CERTAIN)) for of in likely], axis=0)


def probe(candidate: Candidate, penalty: float, known: Learned) -> Probe:
    """penalty: of squared weights."""
    seen = known.features[~known.validating][:, columns(candidate.stages)]
    parts = (make_pipeline(StandardScaler(), network(candidate, penalty, seed)) for seed in range(candidate.probes))
    return Probe(candidate, tuple(part.fit(seen, known.labels[~known.validating]) for part in parts))


def network(candidate: Candidate, penalty: float, seed: int) -> MLPClassifier | LogisticRegression:
    if candidate.hidden:
        return MLPClassifier(candidate.hidden, alpha=penalty, early_stopping=True, random_state=SEED + seed)
    return LogisticRegression(C=1 / penalty, max_iter=1000)


def fitted(candidate: Candidate, known: Learned) -> Probe:
    """The one with the best AUC on validation."""
    labels, features = known.labels[known.validating], known.features[known.validating]
    probes = [probe(candidate, penalty, known) for penalty in candidate.penalties]
    return max(probes, key=lambda made: roc_auc_score(labels, made.logits(features)))


def boundary(made: Probe, known: Learned) -> float:
    """The logit from which on FAKE has the best balanced accuracy on validation."""
    logits, labels = made.logits(known.features[known.validating]), known.labels[known.validating]
    return float(logit(best_threshold(labels, expit(logits))))


@dataclass(frozen=True)
class Answers:
    """What is said of a family's fakes and of photographs, in one way, by a probe that has seen neither.

    labels: int [n]. margins: float64 [n], logits less the boundary.
    """

    family: str
    way: str
    labels: np.ndarray
    margins: np.ndarray


def left_out(candidate: Candidate, features: Features) -> Iterator[Answers]:
    """Each family in each way."""
    photographs = features(TEST_PHOTOGRAPHS)
    for family, sources in FAMILIES.items():
        known = learned(family, features)
        made = fitted(candidate, known)
        zero = boundary(made, known)
        for way in WAYS:
            fakes = np.concatenate([features(source)[way] for source in sources])
            labels = np.repeat([REAL, FAKE], [len(photographs[way]), len(fakes)])
            logits = made.logits(np.concatenate([photographs[way], fakes]))
            yield Answers(family, way, labels, logits - zero)


def measured(candidate: Candidate, features: Features) -> Iterator[dict]:
    """A row a family and way."""
    for row in rows(left_out(candidate, features)):
        yield {"candidate": candidate.name, **row}


def rows(answers: Iterable[Answers]) -> Iterator[dict]:
    for of in answers:
        rated = metrics(of.labels, expit(of.margins), THRESHOLD)
        rates = {name: round(rated[name], 4) for name in ("auc", "balanced_accuracy", "tpr", "tnr")}
        yield {"family": of.family, "way": of.way, **rates}


def summary(families: pd.DataFrame) -> pd.DataFrame:
    """A row a candidate, the best first: means over families, of each way and of both."""
    means = (
        families.groupby(["candidate", "way"], sort=False)[["balanced_accuracy", "tnr", "auc"]].mean().unstack("way")
    )
    means.columns = [f"{name}_{way}" for name, way in means.columns]
    both = means[[f"balanced_accuracy_{way}" for way in WAYS]].mean(axis=1)
    table = means.assign(balanced_accuracy=both, families=families.groupby("candidate")["family"].nunique())
    return table.sort_values("balanced_accuracy", ascending=False).reset_index()


@click.command()
@click.option("--archives", type=click.Path(path_type=Path, exists=True), default="archives", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
def main(archives: Path, data_dir: Path, results_dir: Path) -> None:
    """Measures all candidates. Features that a run which was stopped has computed of whole sources stay."""
    try:
        features = Features(archives, data_dir)
        found = [row for candidate in track(CANDIDATES, "Candidates") for row in measured(candidate, features)]
    except UserError as error:
        raise click.UsageError(str(error)) from error
    table = pd.DataFrame(found)
    best = summary(table)
    print(best.to_string(index=False, float_format="%.3f"))
    files.write_text(results_dir / "native_families.csv", table.to_csv(index=False, float_format="%.4f"))
    files.write_text(results_dir / "native.csv", best.to_csv(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
