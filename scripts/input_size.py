"""What 32 pixels cost: how well fakes of unknown families are told by input size.

results/detectors/size.csv, and results/figures/input_size, which `cifake-keras report` shows.

Of each development picture the middle 256 pixels as JPEG of quality 75, as its source is prepared, are resized to a
size, or cropped to it; a frozen backbone's statistics and a linear probe, and the paper's network at 32 pixels, learn
from the other families by the rule of docs/protocol.md. So networks, sizes and pixels differ, and the pictures do not.

python scripts/input_size.py --archives FOLDER_OF_THE_ARCHIVES --data-dir paper/data
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import keras
import numpy as np
import pandas as pd
from choose_native import Candidate, Features, Learned, fitted, learned
from matplotlib.figure import Figure
from pictures import cut, pictures

from cifake_keras import models
from cifake_keras.evaluation import statistics
from cifake_keras.protocol import FAKE, FAMILIES, IMAGE_SIZE, KERNELS, NATIVE_SIZE, REAL, TEST_PHOTOGRAPHS
from cifake_keras.report import figures
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import track
from cifake_keras.sources import reading

SIZES = 32, 48, 64, 96, 128, 224, NATIVE_SIZE
GRID = range(0, NATIVE_SIZE, 2 * IMAGE_SIZE)  # where the sixteen crops begin whose logits are averaged
EPOCHS, RATE, BATCH = 5, 1e-3, 64
KEY = ("network", "way", "size")  # of a system
PROBE = Candidate("linear", (1, 2, 3))

# Of a picture, uint8 [256, 256, 3], the views [n, side, side, 3] that a network is shown; their logits are averaged.
View = Callable[[np.ndarray], np.ndarray]


def resized(size: int, picture: np.ndarray) -> np.ndarray:
    return reading.resize(picture, size, KERNELS[0])[None]


def cropped(size: int, picture: np.ndarray) -> np.ndarray:
    return reading.square(picture, size)[None]


def sixteen(picture: np.ndarray) -> np.ndarray:
    return np.stack([picture[y : y + IMAGE_SIZE, x : x + IMAGE_SIZE] for y in GRID for x in GRID])


class Pictures:
    """Of a source: digests, and pictures uint8 [n, 256, 256, 3]. The last few stay in memory."""

    def __init__(self, archives: Path, data_dir: Path):
        self._archives, self._data_dir, self._kept = archives, data_dir, {}

    def __call__(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        if source not in self._kept:
            digests, found = zip(*pictures(source, self._archives, self._data_dir), strict=True)
            self._kept[source] = np.array(digests), np.stack([cut(picture) for picture in found])
        return self._kept[source]


@dataclass(frozen=True)
class System:
    """seen: what it computes of views, [n, side, side, 3], for `learn` to learn from.

    learn: features [n, ...], labels and which validate, to a function of features that gives logits [n].
    """

    network: str
    way: str
    size: int
    view: View
    seen: Callable[[np.ndarray], np.ndarray]
    learn: Callable[[Learned], Callable[[np.ndarray], np.ndarray]]


def systems(features: Features) -> Iterator[System]:
    for way, make in (("resized", resized), ("cropped", cropped)):
        for size in SIZES[:-1]:
            yield System("frozen features", way, size, partial(make, size), features.of, probed)
        yield System("the paper's", way, IMAGE_SIZE, partial(make, IMAGE_SIZE), lambda views: views, trained)
    yield System("frozen features", "cropped", NATIVE_SIZE, partial(cropped, NATIVE_SIZE), features.of, probed)
    yield System("the paper's", "sixteen crops", IMAGE_SIZE, sixteen, lambda views: views, trained)


def probed(known: Learned) -> Callable[[np.ndarray], np.ndarray]:
    return fitted(PROBE, known).logits


def trained(known: Learned) -> Callable[[np.ndarray], np.ndarray]:
    """The paper's network, of the epoch with the best validation accuracy."""
    keras.utils.set_random_seed(1)
    network = models.build("paper", seed=1)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(RATE), loss, metrics=[accuracy])
    unit, labels = known.features.astype(np.float32) / 255, known.labels[:, None].astype(np.float32)
    best = keras.callbacks.EarlyStopping("val_binary_accuracy", patience=EPOCHS, restore_best_weights=True, mode="max")
    validation = unit[known.validating], labels[known.validating]
    learning = unit[~known.validating], labels[~known.validating]
    network.fit(*learning, BATCH, EPOCHS, 0, [best], validation_data=validation)
    return lambda views: network.predict(views.astype(np.float32) / 255, verbose=0)[:, 0]


def measured(system: System, of: Pictures) -> Iterator[dict]:
    """A row a family, and one of their mean."""
    kept: dict[str, dict[str, np.ndarray]] = {}

    def source(name: str) -> dict[str, np.ndarray]:
        if name not in kept:
            digests, images = of(name)
            kept[name] = {"digest": digests, "views": np.stack([system.seen(system.view(image)) for image in images])}
        return kept[name]

    values, common = {}, {name: getattr(system, name) for name in KEY}
    for family, sources in FAMILIES.items():
        logits = system.learn(learned(family, source))
        photographs, fakes = (
            np.concatenate([mean(logits, source(name)["views"]) for name in names])
            for names in ((TEST_PHOTOGRAPHS,), sources)
        )
        fake = np.repeat([REAL, FAKE], [len(photographs), len(fakes)]) == FAKE
        weights = statistics.evenly(fake)
        (placed,) = statistics.auc_values(np.concatenate([photographs, fakes])[None], fake, weights)
        values[family] = placed
        yield {**common, "family": family, **auc(placed, fake, weights)}
    yield {**common, "family": "mean", **of_all(values, len(photographs))}


def mean(logits: Callable[[np.ndarray], np.ndarray], views: np.ndarray) -> np.ndarray:
    """Over the views of each picture: float [n]. views: [n, views, ...]."""
    return logits(views.reshape(-1, *views.shape[2:])).reshape(views.shape[:2]).mean(axis=1)


def of_all(values: dict[str, np.ndarray], photographs: int) -> dict[str, float]:
    """The mean over families, which share their photographs. values: of photographs, then of fakes."""
    shared = np.mean([placed[:photographs] for placed in values.values()], axis=0)
    fakes = [placed[photographs:] for placed in values.values()]
    strata = np.repeat([REAL, *values], [photographs, *map(len, fakes)])
    fake = strata != str(REAL)
    return auc(np.concatenate([shared, *fakes]), strata, statistics.evenly(fake, strata))


def auc(values: np.ndarray, strata: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    found = statistics.estimate(values[None], strata, weights)
    return {"auc": round(found.value, 4), "auc_half_width": round(found.half_width, 4)}


def figure(table: pd.DataFrame) -> Figure:
    """Mean AUC by size, with intervals; the paper's network as points beside the curves."""
    drawn = Figure(figsize=(4.2, 3.0), facecolor="white", layout="constrained")
    drawn.suptitle("Families left out, by input size", fontsize=9, weight="bold", x=0.01, ha="left")
    axes = drawn.add_subplot(xscale="log")
    axes.set_xlabel("pixels a side", fontsize=7)
    axes.set_ylabel("AUC, mean over families left out", fontsize=7)
    for (network, way), rows in table[table["family"] == "mean"].groupby(["network", "way"]):
        style = "o-" if network == "frozen features" else "s"
        axes.errorbar(
            rows["size"], rows["auc"], rows["auc_half_width"],
            fmt=style, ms=3, lw=1, capsize=2, label=f"{network}, {way}",
        )  # fmt: skip
    axes.set_xticks(SIZES, map(str, SIZES))
    axes.minorticks_off()
    axes.tick_params(labelsize=7)
    drawn.legend(loc="outside lower center", ncols=3, fontsize=6)
    return drawn


@click.command()
@click.option("--archives", type=click.Path(path_type=Path, exists=True), default="archives", show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(archives: Path, data_dir: Path, results_dir: Path) -> None:
    """Measure every system that is not yet in the table."""
    path = results_dir / "detectors" / "size.csv"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(KEY))
    try:
        of, listed = Pictures(archives, data_dir), list(systems(Features(archives, data_dir)))
        for system in track(listed, "Systems", len(listed)):
            if (table[list(KEY)] == [getattr(system, name) for name in KEY]).all(axis=1).any():
                continue
            table = pd.concat([table, pd.DataFrame(measured(system, of))], ignore_index=True)
            files.write_text(path, table.to_csv(index=False, lineterminator="\n"))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(table[table["family"] == "mean"].to_string(index=False))
    figures.save(figure(table), results_dir / "figures" / "input_size")


if __name__ == "__main__":
    main()
