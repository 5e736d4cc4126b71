"""How well one simple measure tells real from fake on its own."""

import pandas as pd
from sklearn.metrics import roc_auc_score

from cifake_keras.protocol import FAKE, REAL

MEASURES = ("native_pixels", "colourfulness", "grey_share", "sharpness", "high_frequencies")


def rate(examples: pd.DataFrame, tests: list[str]) -> pd.DataFrame:
    """A row a test set and measure: auc of the measure as a score of being fake, and its medians in both classes.

    auc is 0.5 where the measure tells nothing; below, fakes have less of it. examples: `used_in`, `label` (of both
    classes in each of `tests`) and a column a measure.
    """
    sets = {test: examples[examples["used_in"] == test] for test in tests}
    return pd.DataFrame([_row(test, name, images) for test, images in sets.items() for name in MEASURES])


def _row(test: str, name: str, images: pd.DataFrame) -> dict:
    medians = images.groupby("label")[name].median()
    auc = roc_auc_score(images["label"], images[name])
    return {"test_set": test, "measure": name, "auc": auc, "median_real": medians[REAL], "median_fake": medians[FAKE]}
