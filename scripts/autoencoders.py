"""What autoencoders make of CIFAKE's test images: how near they come, and what they take of the spectrum.

Needs the paper's autoencoder of a run of Phase 1 and TAEF2 (`cifake-keras data prepare weights taef2`). Writes
fidelity.csv, README.md and two figures into a folder `autoencoders` of the results folder.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cifake_keras.audit import measures
from cifake_keras.protocol import AUTOENCODER, CLASSES, FAKE, IMAGE_SIZE, REAL, TAEF2, TAEF2_64, UNIT
from cifake_keras.report.figures import HEADING, SMALL, TITLE, Page, save
from cifake_keras.runtime import files, processes
from cifake_keras.splits import composition
from cifake_keras.splits.composition import ImageSet
from cifake_keras.study.settings import Settings

STEPS = {"the paper's autoencoder": AUTOENCODER, "TAEF2": TAEF2, "TAEF2 by way of 64 px": TAEF2_64}
DETOUR = "by way of 64 px alone"
ORIGINAL = "the image"
SHOWN = 4  # images of each class
COLOURS = dict(zip((*STEPS, DETOUR), ("#0072b2", "#e69f00", "#009e73", "#000000"), strict=True))

NOTE = """Written by `python scripts/autoencoders.py`: {count:,} in-sample test images of CIFAKE, half of them fakes,
drawn at random; the paper's autoencoder of Phase 1, seed {seed}. MSE and PSNR (dB, the mean over images) with pixels in
[0, 1]; the share of the luma's power above half the Nyquist frequency. By way of 64 px: bilinear up, antialiased
bilinear down; alone: without the autoencoder.

![Reconstructions](reconstructions.png)

![Power of the luma beside the images' own](spectra.png)
"""


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default="paper/results", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--seed", type=int, default=1, show_default=True, help="Of the paper's autoencoder.")
@click.option("--images", type=click.IntRange(SHOWN), default=1000, show_default=True, help="Of each class.")
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(data_dir, runs, validation_files, seed, images, results_dir):
    """Measure and draw."""
    processes.import_tensorflow()
    from cifake_keras.study.phase_run import PhaseRun

    validated = composition.read_validation_files(validation_files)
    phase = PhaseRun("phase1", Settings("available", data_dir, runs, validation_files=validated))
    chosen = drawn(next(iter(phase.data.tests.values())), images)
    made = reconstructions(phase, chosen, seed)
    table, folder = fidelity(chosen, made), results_dir / "autoencoders"
    files.write_text(folder / "fidelity.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    files.write_text(folder / "README.md", text(table, len(chosen), seed))
    save(shown(chosen, made), folder / "reconstructions")
    save(spectra(table), folder / "spectra")


def drawn(images: ImageSet, count: int) -> ImageSet:
    """`count` of each class, photographs first."""
    rng = np.random.default_rng(0)
    return images.subset(
        np.concatenate([rng.permutation(np.flatnonzero(images.labels == label))[:count] for label in (REAL, FAKE)])
    )


def reconstructions(phase, images: ImageSet, seed: int) -> dict[str, np.ndarray]:
    """By title, float32 [n, 32, 32, 3] in [0, 1]."""
    from cifake_keras.conditions.path import to_range

    made = {}
    for title, step in STEPS.items():
        after = phase.reconstructed(images, (step.seeded(seed),), "float32", np.float32)
        made[title] = to_range(pixels(after), step.range, UNIT)
    return made | {DETOUR: detoured(unit(images))}


def detoured(images: np.ndarray) -> np.ndarray:
    """By way of 64 px, as the step resizes."""
    import tensorflow as tf

    for side in (TAEF2_64.settings.side, IMAGE_SIZE):
        images = tf.image.resize(images, (side, side), antialias=True)
    return np.asarray(images)


def pixels(images: ImageSet) -> np.ndarray:
    return images.images(np.arange(len(images)))


def unit(images: ImageSet) -> np.ndarray:
    return pixels(images).astype(np.float32) / 255


def fidelity(images: ImageSet, made: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row a reconstruction, what it is compared with, and class; the spectra are those of whole levels."""
    originals = {ORIGINAL: unit(images), **made}
    compared = [(title, ORIGINAL) for title in originals] + [("TAEF2 by way of 64 px", DETOUR)]
    spectra = {title: spectrum(images, of) for title, of in originals.items()}
    return pd.DataFrame(
        {"reconstruction": title, "beside": beside, "class": CLASSES[label]}
        | distance(originals[title][its], originals[beside][its])
        | spectra[title][its].mean().to_dict()
        for title, beside in compared
        for label, its in ((label, images.labels == label) for label in (REAL, FAKE))
    )


def distance(images: np.ndarray, originals: np.ndarray) -> dict[str, float]:
    """mse, and psnr in dB; the mean over images."""
    of_images = np.mean(np.square(images - originals), axis=(1, 2, 3), dtype=np.float64)
    return {"mse": of_images.mean(), "psnr": -10 * np.log10(of_images).mean() if of_images.all() else np.nan}


def spectrum(images: ImageSet, made: np.ndarray) -> pd.DataFrame:
    measured = measures.measure(images.with_images(np.round(255 * made).astype(np.uint8)))
    return measured[["high_frequencies", *measures.SPECTRUM]]


def text(table: pd.DataFrame, count: int, seed: int) -> str:
    rows = pd.DataFrame({"reconstruction": table["reconstruction"], "beside": table["beside"], "class": table["class"]})
    rows["MSE"], rows["PSNR"] = table["mse"].map("{:.5f}".format), table["psnr"].map("{:.1f}".format)
    rows["high frequencies (%)"] = (100 * table["high_frequencies"]).map("{:.1f}".format)
    markdown = rows.replace("nan", "").to_markdown(index=False, disable_numparse=True)
    return f"# What autoencoders make of an image\n\n{NOTE.format(count=count, seed=seed)}\n{markdown}\n"


def shown(images: ImageSet, made: dict[str, np.ndarray]) -> Figure:
    """A row an image, photographs first; a column a reconstruction."""
    places = [first + place for first in np.searchsorted(images.labels, (REAL, FAKE)) for place in range(SHOWN)]
    columns = {ORIGINAL: unit(images), **made}
    left, top, step = 0.6, 0.7, SMALL + 0.06
    page = Page(left + len(columns) * 2 * step, top + len(places) * step)
    page.text(0.1, 0.14, "What autoencoders make of CIFAKE's test images", TITLE, ha="left", weight="bold")
    for column, (title, of) in enumerate(columns.items()):
        place = left + column * 2 * step
        page.text(place + SMALL / 2, top - 0.2, textwrap.fill(title, 16), HEADING - 1)
        for row, image in enumerate(of[places]):
            page.image(place, top + row * step, SMALL, image)
    for row, label in enumerate(images.labels[places]):
        page.text(left / 2, top + row * step + SMALL / 2, CLASSES[label])
    return page.figure


def spectra(table: pd.DataFrame) -> Figure:
    """The mean log power of reconstructions beside the images' own, by frequency, a panel a class."""
    figure = Figure(figsize=(6.4, 3.0), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("Power of the luma beside the images' own", fontsize=9, weight="bold", x=0.01, ha="left")
    beside_images = table[table["beside"] == ORIGINAL].set_index(["class", "reconstruction"])[measures.SPECTRUM]
    for axis, name in zip(figure.subplots(1, len(CLASSES), sharey=True), CLASSES, strict=True):
        for title, change in changes(beside_images.loc[name]):
            axis.plot(range(len(change)), change, lw=1, color=COLOURS[title], label=title)
        axis.axhline(0, color="grey", lw=0.5, ls=":")
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("cycles an image", fontsize=7)
        axis.tick_params(labelsize=7)
    figure.axes[0].set_ylabel("change of mean log power (dB)", fontsize=7)
    figure.axes[0].legend(fontsize=6)
    return figure


def changes(spectra: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Of each reconstruction, in dB."""
    for title in COLOURS:
        yield title, 10 / np.log(10) * (spectra.loc[title] - spectra.loc[ORIGINAL]).to_numpy()


if __name__ == "__main__":
    main()
