"""The detector of pictures as they are that comes with the package: the candidate that was chosen, trained on all.

python scripts/make_native.py --archives FOLDER_OF_THE_ARCHIVES --data-dir paper/data

Of docs/protocol.md's rule it is the last step but one: the best row of results/detectors/native.csv learns from the
fakes of all families. In its last layer are the boundary of validation, which becomes 0.5, and a temperature. This, and
where verdicts begin, goes by what is said of pictures of unknown origin: of each family by a detector without it.
"""

import itertools
from importlib.metadata import version
from pathlib import Path

import bundle
import click
import keras
import numpy as np
import pandas as pd
from calibration import calibrated, temperature
from choose_native import CANDIDATES, Answers, Candidate, Features, Probe, boundary, fitted, learned, left_out, rows
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cifake_keras.detector import PRETRAINED_NATIVE, saved_model
from cifake_keras.models import native
from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import BACKBONES, FAMILIES, NATIVE, TEST_PHOTOGRAPHS, THRESHOLD, TRAINING_PHOTOGRAPHS
from cifake_keras.runtime.errors import UserError
from cifake_keras.study import publishing

BACKBONE = BACKBONES["efficientnet_lite0"]

LIMITS = [
    "It learned from photographs of PASCAL VOC, and from fakes of Stable Diffusion 1 and 2 alone. Of other generators "
    "it misses more.",
    f"It sees the middle {NATIVE.side}x{NATIVE.side} pixels of a picture at most, of one whose shorter side has more "
    f"than {NATIVE.most:,} pixels after halving: what stands elsewhere it does not see.",
    "What makes a picture smaller, softer or compresses it much hides what a generator leaves behind.",
    "Probabilities and verdicts go by what it said of fakes of Stable Diffusion and of photographs of ImageNet that it "
    "had not seen, half of either: on other pictures it may be wrong more often.",
    "Pictures of less than some 110 pixels a side are smaller than all that it learned from.",
    "What it says of one picture is no proof.",
]


def chosen(results_dir: Path) -> Candidate:
    """The first in the table. Raises UserError where it is not what `protocol.NATIVE` is built for."""
    name = pd.read_csv(results_dir / "native.csv")["candidate"].iloc[0]
    candidate = next(candidate for candidate in CANDIDATES if candidate.name == name)
    if candidate.stages != NATIVE.stages or candidate.probes * sum(candidate.hidden) != NATIVE.units:
        raise UserError(f"The best candidate is {candidate}, and protocol.NATIVE another network.")
    return candidate


def joined(answers: list[Answers]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and margins of all."""
    return np.concatenate([of.labels for of in answers]), np.concatenate([of.margins for of in answers])


def assembled(made: Probe, zero: float, divisor: float, backbone: keras.Model) -> keras.Model:
    """One network of the backbone's first stages and the probes, whose scalers become part of its dense layers.

    Its logits are those of the probes less `zero`, divided by `divisor`.
    """
    network = native.network()
    efficientnet_lite0.take_weights(network, backbone)
    kernels, biases, rows = zip(*map(_layers, made.parts), strict=True)
    network.get_layer("hidden").set_weights([np.concatenate(kernels, axis=1), np.concatenate(biases)])
    row = np.concatenate(rows) / len(rows)
    bias = np.mean([probe.intercepts_[1] for _, probe in map(_steps, made.parts)], axis=0)
    network.get_layer("logit").set_weights([row / divisor, (bias - zero) / divisor])
    return network


def _steps(part: Pipeline) -> tuple[StandardScaler, MLPClassifier]:
    scaler, probe = (step for _, step in part.steps)
    return scaler, probe


def _layers(part: Pipeline) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel and bias of the hidden layer on features as they are, and kernel of the logit."""
    scaler, probe = _steps(part)
    kernel = probe.coefs_[0] / scaler.scale_[:, None]
    return kernel, probe.intercepts_[0] - scaler.mean_ @ kernel, probe.coefs_[1]


def card(candidate: Candidate, answers: list[Answers], divisor: float) -> dict:
    return {
        "model": "cifake_keras " + version("cifake-keras"),
        "task": f"probability that a picture of {NATIVE.least} pixels a side or more was made by a generator "
        "(positive class: FAKE)",
        "condition": "baseline",
        "classifier": NATIVE.name,
        "candidate": candidate.name,
        "chosen": "the best balanced accuracy with each family of fakes left out (docs/protocol.md)",
        "threshold": THRESHOLD,
        "threshold_choice": "the best balanced accuracy on validation images of the training sources",
        **calibrated(*joined(answers), divisor),
        "data": {"fakes": list(itertools.chain(*FAMILIES.values())), "photographs": TRAINING_PHOTOGRAPHS},
        "weights": [publishing.credited(BACKBONE.weights)],
        "development": list(rows(answers)),
        "development_of": "Each family of fakes told by a detector trained without it, against photographs of "
        f"{TEST_PHOTOGRAPHS}, from which none is trained: cut to 256 pixels, or halved from 384, and compressed as "
        "JPEG of quality 75. The candidate was chosen on these numbers; verdicts and temperature go by the same "
        "answers.",
        "limits": LIMITS,
    }


@click.command()
@click.option("--archives", type=click.Path(path_type=Path, exists=True), default="archives", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option(
    "--results-dir", type=click.Path(path_type=Path, exists=True), default="results/detectors", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path), default=PRETRAINED_NATIVE)
def main(archives: Path, data_dir: Path, results_dir: Path, output: Path) -> None:
    """Train it, and write its SavedModel, LiteRT file and model card."""
    try:
        candidate, features = chosen(results_dir), Features(archives, data_dir)
        known = learned(None, features)
        made = fitted(candidate, known)
        answers = list(left_out(candidate, features))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    divisor = temperature(*joined(answers))
    network = assembled(made, boundary(made, known), divisor, features.backbone)
    about = card(candidate, answers, divisor)
    bundle.write(output, about, lambda folder: saved_model.write_native(folder, network, about))


if __name__ == "__main__":
    main()
