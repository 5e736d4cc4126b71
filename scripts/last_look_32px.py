"""What the detector of 32 px says of generators that no choice was made on, and what the study's best baseline does.

Once, as docs/protocol.md has it: DALL-E 3 and Stable Cascade against photographs of ImageNet, resized by each kernel.
In results/detectors comes last_look_32px.csv, a row a detector, kernel and generator, and those of this detector in
its model card.

python scripts/last_look_32px.py --data-dir paper/data
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from development import images_of
from last_look import record
from make_baseline import BASELINE
from make_detector import LIMITS

from cifake_keras import load_detector
from cifake_keras.detector import PRETRAINED, Detector, litert
from cifake_keras.evaluation.metrics import metrics
from cifake_keras.protocol import KERNELS, LAST_LOOK, TEST_PHOTOGRAPHS
from cifake_keras.runtime import files
from cifake_keras.runtime.errors import UserError
from cifake_keras.splits.composition import ImageSet

OURS = "32 px"
DETECTORS = {OURS: PRETRAINED, "the study's best baseline": BASELINE}


def rated(detector: Detector, photographs: ImageSet, fakes: ImageSet) -> dict[str, float]:
    labels = np.concatenate([photographs.labels, fakes.labels])
    pixels = np.concatenate([of.images(np.arange(len(of))) for of in (photographs, fakes)])
    of = metrics(labels, detector.predict(pixels), detector.threshold)
    return {name: of[name] for name in ("auc", "balanced_accuracy", "tpr", "tnr", "n_real", "n_fake")}


def rows(data_dir: Path) -> Iterator[dict]:
    detectors = {title: load_detector(folder / litert.FILE) for title, folder in DETECTORS.items()}
    for kernel in KERNELS:
        photographs = images_of([TEST_PHOTOGRAPHS], [kernel], data_dir)
        for source in LAST_LOOK:
            fakes = images_of([source], [kernel], data_dir)
            for title, detector in detectors.items():
                yield {"detector": title, "kernel": kernel, "generator": source, **rated(detector, photographs, fakes)}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/detectors", show_default=True)
def main(data_dir: Path, results_dir: Path) -> None:
    try:
        table = pd.DataFrame(rows(data_dir)).sort_values(["detector", "generator"], kind="stable").round(4)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(table.to_string(index=False))
    files.write_text(results_dir / "last_look_32px.csv", table.to_csv(index=False, lineterminator="\n"))
    of_ours = table[table["detector"] == OURS].drop(columns="detector")
    record(PRETRAINED, LIMITS, of_ours, of_ours[of_ours["kernel"] == KERNELS[0]])


if __name__ == "__main__":
    main()
