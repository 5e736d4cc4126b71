"""How well one simple measure tells real from fake on its own."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from cifake_keras.protocol import FAKE, REAL

CATEGORIES = ("format", "subsampling", "quantisation")
MEASURES = (
    *CATEGORIES,
    "bytes",
    "native_pixels",
    "colourfulness",
    "grey_share",
    "sharpness",
    "high_frequencies",
)

_FOLDS = 5


def rate(examples: pd.DataFrame, tests: list[str]) -> pd.DataFrame:
    """A row a test set and measure: auc of the measure as a score of being fake, and the typical value of each class.

    Of a number, auc is 0.5 where it separates nothing and lower where fakes have less of it; typical is the median.
    A category has no order: typical is the most frequent one, and the score of an image is how often its category was
    fake in the other four fifths of the test set, by a logistic regression that draws rare categories towards the
    rest; auc is the mean of the fifths. So neither many categories nor rare ones raise it.
    examples: `used_in`, `label` (of both classes in each of `tests`) and a column a measure.
    """
    sets = {test: examples[examples["used_in"] == test] for test in tests}
    return pd.DataFrame([_row(test, name, images) for test, images in sets.items() for name in MEASURES])


def _row(test: str, name: str, images: pd.DataFrame) -> dict:
    auc, typical = (_category_auc, _most_frequent) if name in CATEGORIES else (roc_auc_score, pd.Series.median)
    of_class = {label: typical(images.loc[images["label"] == label, name]) for label in (REAL, FAKE)}
    return {
        "test_set": test,
        "measure": name,
        "auc": auc(images["label"], images[name]),
        "typical_real": of_class[REAL],
        "typical_fake": of_class[FAKE],
    }


def _category_auc(labels: pd.Series, categories: pd.Series) -> float:
    folds = min(_FOLDS, labels.value_counts().min())
    if folds < 2:
        return 0.5  # nothing can be learned from one image of a class
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    return cross_val_score(model, categories.to_frame(), labels, scoring="roc_auc", cv=parts).mean()


def _most_frequent(categories: pd.Series) -> str:
    return categories.mode()[0]
