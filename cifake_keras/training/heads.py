"""Heads on frozen features that are fitted at once, not in epochs: a linear probe, nearest neighbours."""

import time
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from cifake_keras import models
from cifake_keras.protocol import Hyperparameters
from cifake_keras.runtime.progress import track
from cifake_keras.splits.composition import ImageSet


def train(
    images: ImageSet, validation: ImageSet, classifier: str, candidates: Sequence[Hyperparameters]
) -> list[tuple[keras.Sequential, pd.DataFrame]]:
    """Fits a head for each candidate. images, validation: after all steps, as features.

    Returns of each the head and its history, as `classifiers.train` does, of a single epoch.
    """
    features, validated = _features(images), _features(validation)

    def fitted(candidate: Hyperparameters) -> tuple[keras.Sequential, pd.DataFrame]:
        head, started = models.build(classifier), time.monotonic()
        models.fit(head, features, images.labels, candidate)
        seconds = round(time.monotonic() - started, 2)
        scores = _scores(head, features, images.labels) | _scores(head, validated, validation.labels, "val_")
        return head, pd.DataFrame([{"epoch": 1, **scores, "seconds": seconds}])

    return [fitted(candidate) for candidate in track(candidates, f"{classifier} on {len(images):,} images")]


def _features(images: ImageSet) -> np.ndarray:
    """float32 [n, their number]."""
    return images.images(np.arange(len(images))).astype(np.float32)


def _scores(head: keras.Sequential, features: np.ndarray, labels: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Mean cross-entropy, and the share of decisions that are right at probability 0.5."""
    logits = np.concatenate([head(batch).numpy()[:, 0] for batch in np.split(features, range(500, len(features), 500))])
    losses, right = np.logaddexp(0, logits) - labels * logits, (logits >= 0) == labels
    return {f"{prefix}loss": losses.mean(), f"{prefix}accuracy": right.mean()}
