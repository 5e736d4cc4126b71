"""The shortcut floor: what logistic regressions on simple measures reach on the CNN's test sets.

A detector that does no better may have learned these measures alone.
"""

from collections.abc import Iterator

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cifake_keras.audit.measures import COLOUR, SPECTRUM
from cifake_keras.evaluation.metrics import metrics
from cifake_keras.runtime.progress import track
from cifake_keras.splits.composition import TRAIN

FEATURES = {"colour": COLOUR, "spectrum": SPECTRUM, "colour_spectrum": [*COLOUR, *SPECTRUM]}


def fit(examples: pd.DataFrame, tests: list[str]) -> pd.DataFrame:
    """A row a set of features and test set: n_train and the CNN's own metrics, as fractions.

    Trained on the phase's training images, features standardised; nothing is selected, so validation images are
    not used. examples: `used_in`, `label` and the columns of COLOUR and SPECTRUM.
    """
    rows = (row for name in track(FEATURES, "Fitting the floor", len(FEATURES)) for row in _rows(name, examples, tests))
    return pd.DataFrame(rows)


def _rows(name: str, examples: pd.DataFrame, tests: list[str]) -> Iterator[dict]:
    columns, train = FEATURES[name], examples[examples["used_in"] == TRAIN]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train[columns], train["label"])
    for test in tests:
        images = examples[examples["used_in"] == test]
        probability_fake = model.predict_proba(images[columns])[:, 1]
        row = {"features": name, "test_set": test, "n_train": len(train), "selection": "none"}
        yield row | metrics(images["label"].to_numpy(), probability_fake)
