"""A linear probe: logistic regression on standardised features, as one dense layer.

scikit-learn fits it to the end, so that it hangs on no seed and no learning rate. It minimises the mean cross-entropy
plus l2 / 2 times the squared weights, without the bias; `l2` is that of the hyper-parameters.
"""

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from cifake_keras.models.layers import Layers
from cifake_keras.protocol import Head, Hyperparameters

_MOST_STEPS = 1_000  # of the solver, which needs a tenth of them


def build(settings: Head, seed: int, precision: str) -> keras.Sequential:
    """As `models.build`."""
    layer = Layers(seed, precision).dense(settings.features, 1, activation=None, last=True)
    return keras.Sequential([layers.Input((settings.features,), name="features"), layer])


def fit(network: keras.Sequential, features: np.ndarray, labels: np.ndarray, hyperparameters: Hyperparameters) -> None:
    """As `models.fit`."""
    scaler = StandardScaler().fit(features)
    inverse = 1 / (hyperparameters.l2 * len(features)) if hyperparameters.l2 else np.inf
    regression = LogisticRegression(C=inverse, max_iter=_MOST_STEPS)
    regression.fit(scaler.transform(features), labels)
    kernel = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_ - kernel @ scaler.mean_
    network.set_weights([kernel[:, None], bias])
