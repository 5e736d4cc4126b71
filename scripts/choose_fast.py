"""Chooses the fast recipe (protocol.FAST) on the validation images of Phase 1's baseline.

Trains candidates of a cosine schedule side by side, with the sweeps' seed, and writes results/fast/candidates.csv with
their validation accuracy and the seconds that the group took; no test image is looked at.
"""

import itertools
from dataclasses import asdict
from pathlib import Path

import click
import pandas as pd

from cifake_keras import protocol
from cifake_keras.protocol import Hyperparameters
from cifake_keras.runtime import files, processes
from cifake_keras.splits import composition

SHAPES = ((256, 3), (512, 3))  # batch size, epochs: what takes less than two minutes on two slow cores
RATES = (1e-3, 2e-3, 3e-3)
L2S = (1e-5, 1e-4)


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="data", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path))
@click.option("--results-dir", type=click.Path(path_type=Path), default="results/fast", show_default=True)
def main(data_dir: Path, validation_files: Path | None, results_dir: Path) -> None:
    processes.import_tensorflow()
    from cifake_keras.training import classifiers
    from cifake_keras.training.fitting import Session

    listed = composition.read_validation_files(validation_files)
    data = composition.compose(protocol.phases("paper")["phase1"], "available", data_dir, validation_files=listed)
    rows = []
    for batch_size, epochs in SHAPES:
        group = [Hyperparameters(rate, l2, epochs, batch_size, "cosine") for rate, l2 in itertools.product(RATES, L2S)]
        condition, session = protocol.CONDITIONS["baseline"], Session(f"batch {batch_size}", "bfloat16")
        trained = classifiers.train(
            data.train, data.validation, condition, "paper", {}, group, protocol.SWEEP_SEED, session
        )
        for candidate, (_, history) in zip(group, trained, strict=True):
            seconds = history["seconds"].sum()
            rows.append(
                asdict(candidate)
                | {"validation_accuracy": history["val_accuracy"].iloc[-1], "seconds_of_group": seconds}
            )
        files.write_text(results_dir / "candidates.csv", pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))


if __name__ == "__main__":
    main()
