"""Chooses the detector of 32 px by the rule of docs/protocol.md: candidates are trained with each family left out.

Below results/detectors each candidate and seed has a CSV, which is not made again, and what it said of images that it
had not seen; candidates.csv is their summary. A candidate that sees more than CIFAKE sees the other families' fakes and
photographs, under all kernels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import numpy as np
import pandas as pd
from development import joined, learned, pretrained, unseen
from make_baseline import BASELINE
from scipy.special import expit

from cifake_keras import models, protocol
from cifake_keras.detector import model_card, saved_model
from cifake_keras.evaluation.metrics import metrics
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.models.backbones import efficientnet_lite0
from cifake_keras.protocol import BACKBONES, CONDITIONS, FAMILIES, KERNELS, Hyperparameters
from cifake_keras.report.evidence import best_threshold
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet, PhaseImages
from cifake_keras.training import classifiers
from cifake_keras.training.fitting import Session

SEED = 1
WAYS = ("once", "with its mirror image")

CIFAKE_AIM = 0.92  # below it no candidate is chosen
COMPRESSION = {"method": "gzip", "mtime": 0}  # the same file of the same answers

Logits = dict[str, np.ndarray]  # by way of asking


@dataclass(frozen=True)
class Candidate:
    """native: whether it sees more than CIFAKE. published: it is the study's baseline, and not trained here."""

    name: str
    classifier: str
    condition: str
    native: bool = True
    published: bool = False


CANDIDATES = (
    Candidate("published", "paper", "baseline", native=False, published=True),
    Candidate("cifake", "paper", "baseline", native=False),
    Candidate("native", "paper", "baseline"),
    Candidate("resampled", "paper", "resampled"),
    Candidate("coloured", "paper", "resampled_coloured"),
    Candidate("residual", "residual", "resampled_coloured"),
    Candidate("lite", "lite", "mirrored"),
    Candidate("lite_resampled", "lite", "mirrored_resampled"),
)
FITTED = {
    "paper": Hyperparameters(1e-3, 1e-4, epochs=5),
    "residual": Hyperparameters(2e-3, 1e-4, epochs=5, schedule="cosine"),
    "lite": Hyperparameters(1e-3, 1e-5, epochs=3, batch_size=128, schedule="cosine"),
}


def measured(candidate: Candidate, seed: int, cifake: PhaseImages, data_dir: Path) -> tuple[list[dict], pd.DataFrame]:
    """A row a family, way of asking and kernel, of the candidate that has not seen the family; and its answers."""
    network, rows, answers = published() if candidate.published else None, [], []
    for family in FAMILIES:
        training, validation = learned(family, data_dir)
        own = first(cifake.validation, len(validation))
        known = joined(own, validation) if candidate.native else own
        if candidate.native or network is None:
            images = joined(cifake.train, training) if candidate.native else cifake.train
            network = trained(candidate, images, known, f"without {family}", data_dir, seed)
        common = {"candidate": candidate.name, "seed": seed, "family": family, "parameters": network.count_params()}
        test = unseen(family, data_dir)
        of_known, of_test = (asked(network, images) for images in (known, test))
        of_own = {way: logits[: len(own)] for way, logits in of_known.items()}
        thresholds = {way: best_threshold(known.labels, of_known[way]) for way in WAYS}
        rows += [common | row for row in rated(own, of_own, test, of_test, thresholds)]
        margins = of_test[WAYS[0]] - thresholds[WAYS[0]]
        kernels = test.examples["kernel"].to_numpy()
        answers.append(pd.DataFrame({"family": family, "kernel": kernels, "label": test.labels, "margin": margins}))
    return rows, pd.concat(answers)


def rated(own: ImageSet, of_own: Logits, test: ImageSet, of_test: Logits, thresholds: dict) -> Iterator[dict]:
    """A row a way of asking and kernel. own: CIFAKE's images of validation."""
    for way, threshold in thresholds.items():
        cifake = rates(own, of_own[way], threshold)["balanced_accuracy"]
        for kernel in KERNELS:
            places = np.flatnonzero(test.examples["kernel"] == kernel)
            of_kernel = rates(test.subset(places), of_test[way][places], threshold)
            yield {"asked": way, "cifake": cifake, "kernel": kernel} | of_kernel


def published() -> keras.Model:
    """The study's best baseline, which has learned from all of CIFAKE: the detector of 32 px before this one."""
    _, network, _ = saved_model.read(BASELINE, model_card.read(BASELINE))
    return network


def first(images: ImageSet, count: int) -> ImageSet:
    """So many of them, where there are as many, in an order of chance."""
    return images.subset(np.random.default_rng(SEED).permutation(len(images))[:count])


def trained(
    candidate: Candidate, images: ImageSet, validation: ImageSet, title: str, data_dir: Path, seed: int
) -> keras.Model:
    session = Session(f"{candidate.name} {title}", "float32")
    condition, fitted, begun = CONDITIONS[candidate.condition], FITTED[candidate.classifier], None
    if candidate.classifier == "lite":
        begun = start(seed, data_dir)
    ((network, _),) = classifiers.train(
        images, validation, condition, candidate.classifier, {}, [fitted], seed, session, begun
    )
    return network


def start(seed: int, data_dir: Path) -> keras.Model:
    """The network that has a place for ImageNet's weights, with them."""
    network = models.build("lite", seed)
    efficientnet_lite0.take_weights(network, pretrained(BACKBONES["efficientnet_lite0"], data_dir))
    return network


def asked(network: keras.Model, images: ImageSet) -> Logits:
    """The logits of each way of asking."""
    mirrored = images.with_images(images.images(np.arange(len(images)))[:, :, ::-1])
    score = Scorer(network, {}, protocol.UNIT)  # compiles once for both
    straight = score(images, ())
    return dict(zip(WAYS, (straight, (straight + score(mirrored, ())) / 2), strict=True))


def once(network: keras.Model, images: ImageSet) -> np.ndarray:
    """The logits of images as they are."""
    return Scorer(network, {}, protocol.UNIT)(images, ())


def rates(images: ImageSet, logits: np.ndarray, threshold: float) -> dict[str, float | None]:
    of = metrics(images.labels, expit(logits), float(expit(threshold)))
    return {name: of[name] for name in ("auc", "balanced_accuracy", "tpr", "tnr")}


def part_of(results_dir: Path, candidate: str, seed: int) -> Path:
    """Where its rows are."""
    return results_dir / "candidates" / f"{candidate}_{seed}.csv"


def said(part: Path) -> Path:
    """Where a candidate's answers are kept, compressed; part: where its rows are."""
    return part.with_name(f"{part.stem}.answers.csv.gz")


def chosen(table: pd.DataFrame) -> str:
    """By the rule: of those in candidates.csv within one standard error of the best, the steadiest between kernels."""
    near = table[table["behind"] <= table["standard_error"]]
    return near.loc[near["tnr_range"].idxmin(), "candidate"]


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a candidate and way of asking: means over families and seeds; under the worst kernel, and over all."""
    keys = ["candidate", "asked", "parameters"]
    by_kernel = rows.groupby([*keys, "kernel"], sort=False)[["auc", "balanced_accuracy", "tnr"]].mean()
    of = by_kernel.groupby(keys, sort=False)
    table = pd.DataFrame(
        {
            "balanced_accuracy_worst_kernel": of["balanced_accuracy"].min(),
            "balanced_accuracy": of["balanced_accuracy"].mean(),
            "auc": of["auc"].mean(),
            "tnr": of["tnr"].mean(),
            "tnr_range": of["tnr"].max() - of["tnr"].min(),
            "cifake": rows.groupby(keys, sort=False)["cifake"].mean(),
            "families": rows.groupby(keys, sort=False)["family"].nunique(),
            "seeds": rows.groupby(keys, sort=False)["seed"].nunique(),
        }
    ).reset_index()
    kept = table[(table["asked"] == WAYS[0]) & (table["cifake"] >= CIFAKE_AIM)]["candidate"]
    table = table.merge(behind(rows[(rows["asked"] == WAYS[0]) & rows["candidate"].isin(kept)]), "left")
    return table.sort_values("balanced_accuracy_worst_kernel", ascending=False, ignore_index=True)


def behind(rows: pd.DataFrame) -> pd.DataFrame:
    """How far candidates that may be chosen are from the best of them, each under its worst kernel.

    rows: those of one way of asking. The standard error is that of differences paired by family and seed.
    """
    rates = rows.pivot(index=["asked", "family", "seed"], columns=["candidate", "kernel"], values="balanced_accuracy")
    worst = rates[rates.mean().groupby("candidate").idxmin()].droplevel("kernel", axis=1)
    differences = worst.rsub(worst[worst.mean().idxmax()], axis=0)
    of = pd.DataFrame({"behind": differences.mean(), "standard_error": differences.sem()})
    return of.reset_index().assign(asked=rows["asked"].iloc[0])


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path), help="Folder of the authors' validation lists.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
@click.option("--share", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Of CIFAKE's images.")
@click.option("--candidate", "names", multiple=True, type=click.Choice([of.name for of in CANDIDATES]))
@click.option("--seed", type=click.IntRange(min=1), default=SEED, show_default=True)
def main(
    data_dir: Path, validation_files: Path | None, results_dir: Path, share: float, names: tuple[str, ...], seed: int
) -> None:
    """Trains what is not there yet, of all candidates or those named, and writes the summary of what is."""
    try:
        phase = protocol.phases("available", share)["phase1"]
        listed = composition.read_validation_files(validation_files)
        cifake = composition.compose(phase, "available", data_dir, validation_files=listed)
        for candidate in (of for of in CANDIDATES if of.name in names or not names):
            part = part_of(results_dir, candidate.name, seed)
            if not part.exists():
                rows, answers = measured(candidate, seed, cifake, data_dir)
                with files.replacing(said(part)) as temporary:
                    answers.to_csv(temporary, index=False, float_format="%.4f", compression=COMPRESSION)
                files.write_text(part, pd.DataFrame(rows).to_csv(index=False, float_format="%.6f"))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    parts = sorted((results_dir / "candidates").glob("*.csv"))
    table = summary(pd.concat(map(pd.read_csv, parts), ignore_index=True))
    print(table.to_string(index=False, float_format="%.3f"))
    files.write_text(results_dir / "candidates.csv", table.to_csv(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
