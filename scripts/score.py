"""Scores a detector on images of known origin: TPR, TNR, balanced accuracy and AUC of each generator, with intervals.

python scripts/score.py MODEL ORIGIN

MODEL is a SavedModel that answers as docs/detector.md tells; it may be of other makers, as TensorFlow alone asks it.
ORIGIN is a folder with REAL/ and FAKE/<generator>/, whose files `serve_bytes` takes; or an npz with such names as keys,
uint8 [n, height, width, 3], which `serving_default` takes. Every generator is set against all photographs.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from cifake_keras.evaluation import statistics
from cifake_keras.evaluation.statistics import Estimate
from cifake_keras.protocol import THRESHOLD
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say, track
from cifake_keras.sources import walk

REAL, FAKE = "REAL", "FAKE/"
BATCH = 32


def of_folder(model: Path, origin: Path) -> dict[str, np.ndarray]:
    """By class and generator: probabilities, of the images that the model does not refuse."""
    ask = signature(model, "serve_bytes", "image_bytes")
    fakes = sorted(path.name for path in (origin / FAKE).glob("*") if path.is_dir())
    scores = {}
    for name in (REAL, *(FAKE + generator for generator in fakes)):
        listed = [origin / name / member for member in walk.find(origin / name).images]
        answers = answered(lambda files: ask(np.array([file.read_bytes() for file in files], object)), listed, name)
        if refused := int(np.isnan(answers).sum()):
            say(f"{name}: {refused:,} of {len(listed):,} images are refused and do not count")
        scores[name] = answers[~np.isnan(answers)]
    return scores


def of_arrays(model: Path, origin: Path) -> dict[str, np.ndarray]:
    ask = signature(model, "serving_default", "image")
    with np.load(origin) as arrays:
        return {
            name: answered(lambda images: ask(images.astype(np.float32) / 255), arrays[name], name)
            for name in arrays.files
        }


def signature(model: Path, name: str, argument: str) -> Callable[[np.ndarray], np.ndarray]:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(model)
    except OSError as error:
        raise UserError(f"{model} is no SavedModel of TensorFlow.") from error
    if name not in loaded.signatures:
        raise UserError(f"{model} has no signature {name}, but {', '.join(loaded.signatures) or 'none'}.")

    def ask(batch: np.ndarray) -> np.ndarray:
        return loaded.signatures[name](**{argument: tf.constant(batch)})["probability_fake"].numpy()

    return ask


def answered(ask: Callable[[Any], np.ndarray], images: Sequence[Path] | np.ndarray, title: str) -> np.ndarray:
    """Of all images, a batch of them in memory at a time."""
    parts = [ask(images[start : start + BATCH]) for start in track(range(0, len(images), BATCH), title)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def rows(scores: dict[str, np.ndarray], threshold: float) -> Iterator[dict]:
    """A row a generator, and one of the mean over them where there are several."""
    fakes = {name.removeprefix(FAKE): of for name, of in scores.items() if name.startswith(FAKE)}
    for generator, of in fakes.items():
        yield row(generator, scores[REAL], {generator: of}, threshold)
    if len(fakes) > 1:
        yield row("mean", scores[REAL], fakes, threshold)


def row(generator: str, photographs: np.ndarray, fakes: dict[str, np.ndarray], threshold: float) -> dict:
    values = np.concatenate([photographs, *fakes.values()])
    strata = np.repeat([REAL, *fakes], [len(photographs), *map(len, fakes.values())])
    fake = strata != REAL
    weights = statistics.evenly(fake, strata)
    right = ((values >= threshold) == fake)[None]
    estimates = {
        "tpr": statistics.estimate(right[:, fake], strata[fake], weights[fake]),
        "tnr": statistics.estimate(right[:, ~fake]),
        "balanced_accuracy": statistics.estimate(right, strata, weights),
        "auc": statistics.estimate(statistics.auc_values(values[None], fake, weights), strata, weights),
    }
    counts = {"n_real": int((~fake).sum()), "n_fake": int(fake.sum())}
    return {
        "generator": generator,
        **counts,
        **{key: of for name, one in estimates.items() for key, of in pair(name, one)},
    }


def pair(name: str, estimate: Estimate) -> Iterator[tuple[str, float]]:
    yield name, estimate.value
    yield f"{name}_half_width", estimate.half_width


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("origin", type=click.Path(exists=True, path_type=Path))
@click.option("--threshold", default=THRESHOLD, show_default=True, help="The probability from which on FAKE begins.")
@click.option("--out", type=click.Path(path_type=Path), help="A CSV file for the table.")
def main(model: Path, origin: Path, threshold: float, out: Path | None) -> None:
    processes.import_tensorflow()
    try:
        scores = (of_folder if origin.is_dir() else of_arrays)(model, origin)
        if REAL not in scores or len(scores) < 2:
            raise UserError(f"{origin} wants {REAL} and {FAKE}<generator>, and has {', '.join(scores) or 'nothing'}.")
        table = pd.DataFrame(rows(scores, threshold))
    except UserError as error:
        raise click.UsageError(str(error)) from error
    print(table.to_string(index=False, float_format="%.3f"))
    if out:
        files.write_text(out, table.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    main()
