"""The detector of 32 px that comes with the package: the candidate that was chosen, trained on all.

python scripts/make_detector.py --validation-files FOLDER_OF_THE_AUTHORS_LISTS

Of docs/protocol.md's rule it is the last step: the one that results/detectors/candidates.csv chooses learns from all of
CIFAKE and from the fakes of all families. The boundary of validation becomes 0.5. Temperature and verdicts go by what
the candidate said of each family that it had not seen.
"""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import bundle
import click
import keras
import numpy as np
import pandas as pd
from calibration import calibrated, temperature
from choose_detector import CANDIDATES, FITTED, SEED, WAYS, Candidate, chosen, first, once, part_of, said, trained
from development import joined, learned
from scipy.special import expit

from cifake_keras import protocol
from cifake_keras.detector import PRETRAINED, saved_model
from cifake_keras.protocol import (
    BACKBONES,
    CONDITIONS,
    FAKE,
    KERNELS,
    TEST_PHOTOGRAPHS,
    THRESHOLD,
)
from cifake_keras.report.evidence import best_threshold
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet
from cifake_keras.study import publishing

PHASE, PRESET = "phase1", "available"
TIMES = 2  # that each native image is among those of training, of which CIFAKE's would be five in six

LIMITS = [
    "It sees 32x32 pixels. An image of any other size is resized to that, which hides most of what a generator leaves "
    "behind. From 64 pixels a side on, the native detector is better asked.",
    "It learned from CIFAR-10's and PASCAL VOC's photographs, and from fakes of Stable Diffusion 1 and 2 alone. Of "
    "other generators it misses more.",
    "Probabilities and verdicts go by what it said of fakes of Stable Diffusion and of photographs of ImageNet that it "
    "had not seen, half of either: on other images it may be wrong more often, on those like CIFAKE's less.",
    "What it says of one image is no proof.",
]


def moved(network: keras.Model, zero: float, divisor: float) -> keras.Model:
    """With logits less `zero`, divided by `divisor`."""
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel / divisor, (bias - zero) / divisor])
    return network


def scored(network: keras.Model, images: dict[str, ImageSet]) -> dict:
    """Of each test set what model cards have of it, at the threshold of 0.5."""
    found = {}
    for name, test in images.items():
        counts = {"n_real": int(np.sum(test.labels != FAKE)), "n_fake": int(np.sum(test.labels == FAKE))}
        probability = expit(once(network, test))
        found[name] = {"clean": publishing.scores_of(test.labels, probability, {"threshold": THRESHOLD, **counts})}
    return found


def counted(splits: dict[str, list[ImageSet]]) -> dict:
    """How many pictures of each source are in each split; a picture that is there under all kernels is one."""
    data: dict[str, dict[str, dict[str, int]]] = {}
    totals = {}
    for split, sets in splits.items():
        examples = pd.concat([of.examples for of in sets]).reindex(columns=["source", "label", "kernel"])
        once = examples[examples["kernel"].isna() | (examples["kernel"] == KERNELS[0])]
        totals[f"n_{split}"] = len(once)
        for (source, label), of in once.groupby(["source", "label"], sort=False):
            name = source.removesuffix(f", {KERNELS[0]}")
            data.setdefault(name, {}).setdefault(split, {})[protocol.CLASSES[label]] = len(of)
    return {**totals, "data": [{"name": name, "splits": of} for name, of in data.items()]}


def described(candidate: Candidate, rows: pd.DataFrame) -> dict:
    """Its model card, but for what is measured of it. rows: those of the candidate, each family left out."""
    return {
        "model": "cifake_keras " + version("cifake-keras"),
        "task": "probability that a 32x32 image was made by a generator (positive class: FAKE)",
        "trained_on": "real data",
        "candidate": candidate.name,
        "chosen": "the steadiest between kernels of those within one standard error of the best balanced accuracy "
        "under the worst kernel, with each family of fakes left out (docs/protocol.md)",
        "threshold": THRESHOLD,
        "threshold_choice": "the best balanced accuracy on validation images of the training sources",
        "preset": PRESET,
        "phase": PHASE,
        "condition": candidate.condition,
        "classifier": candidate.classifier,
        "seed": SEED,
        "hyperparameters": asdict(FITTED[candidate.classifier]),
        "kernel": KERNELS[0],
        "precision": "float32",
        "in_sample": "cifake",
        "interval": "95%, over test images alone: what another training would change is not in it",
        "weights": [publishing.credited(BACKBONES["efficientnet_lite0"].weights)],
        "development": rows[rows["asked"] == WAYS[0]].drop(columns=["candidate", "seed", "asked"]).to_dict("records"),
        "development_of": "Each family of fakes told by a detector trained without it, against photographs of "
        f"{TEST_PHOTOGRAPHS}, from which none is trained, resized to 32 pixels by each kernel. The candidate was "
        "chosen on these numbers; verdicts and temperature go by the same answers.",
        "limits": LIMITS,
    }


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=PRETRAINED)
def main(data_dir: Path, validation_files: Path | None, results_dir: Path, output: Path) -> None:
    """Train it, and write its SavedModel, LiteRT file and model card."""
    name = chosen(pd.read_csv(results_dir / "candidates.csv"))
    candidate, part = next(of for of in CANDIDATES if of.name == name), part_of(results_dir, name, SEED)
    answers = pd.read_csv(said(part))
    try:
        listed = composition.read_validation_files(validation_files)
        cifake = composition.compose(protocol.phases(PRESET)[PHASE], PRESET, data_dir, validation_files=listed)
        training, validation = learned(None, data_dir)
        known = joined(first(cifake.validation, len(validation)), validation)
        network = trained(candidate, joined(cifake.train, *[training] * TIMES), known, "on all", data_dir, SEED)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    logits, seen = once(network, known), (answers["label"].to_numpy(), answers["margin"].to_numpy())
    zero, divisor = best_threshold(known.labels, logits), temperature(*seen)
    network = moved(network, zero, divisor)
    about = {
        **described(candidate, pd.read_csv(part)),
        **counted({"train": [cifake.train, training], "validation": [cifake.validation, validation]}),
        "validation_accuracy": round(float(((logits >= zero) == (known.labels == FAKE)).mean()), 4),
        "tests": scored(network, cifake.tests),
        **calibrated(*seen, divisor),
    }
    condition = CONDITIONS[candidate.condition]
    bundle.write(output, about, lambda folder: saved_model.write(folder, condition, network, {}, KERNELS[0], about))


if __name__ == "__main__":
    main()
