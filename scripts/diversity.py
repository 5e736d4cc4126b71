"""Does a more diverse training set help? Phase 2's unseen generators, by the classifiers of both phases.

Scores the finished cells of Phase 1, trained on CIFAKE alone, and of Phase 2, trained on CIFAKE and more, on the same
test images of Phase 2, each on its own condition's path. Writes diversity.csv and diversity.md into the results folder.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

from cifake_keras import protocol
from cifake_keras.evaluation import statistics
from cifake_keras.evaluation.scorer import Scorer
from cifake_keras.protocol import FAKE, MATCHED
from cifake_keras.records import cells
from cifake_keras.records.cells import Cell
from cifake_keras.runtime import files, processes
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.progress import say
from cifake_keras.splits import composition
from cifake_keras.study.phase_run import PhaseRun
from cifake_keras.study.settings import Settings
from cifake_keras.study.tasks import read_classifier

PHASES = ("phase1", "phase2")
NOTE = """Written by `python scripts/diversity.py`. Accuracy in percent on the unseen generators of Phase 2, matched,
with the 95% interval over seeds and images; the difference is Phase 2 minus Phase 1 on the same images.

What Phase 2 has more: photographs of tiny-imagenet, from which the real half of these test sets comes too, and
{fakes} fakes beside CIFAKE's. It has {fewer} training images where Phase 1 has {more}.
"""


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default="paper/data", show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default="paper/results", show_default=True)
@click.option("--validation-files", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(data_dir, runs, validation_files, results_dir):
    processes.import_tensorflow()
    settings = Settings(
        "available", data_dir, runs, validation_files=composition.read_validation_files(validation_files)
    )
    phases = {name: PhaseRun(name, settings) for name in PHASES}
    tests = dict(list(phases["phase2"].data.tests.items())[1:])  # the first is in-sample
    rows = [row for condition in protocol.PAPER_CONDITIONS for row in compared(phases, condition, tests)]
    table = pd.DataFrame(rows).round(4)
    files.write_text(results_dir / "diversity.csv", table.to_csv(index=False, lineterminator="\n"))
    files.write_text(results_dir / "diversity.md", text(table, phases))


def compared(phases: dict[str, PhaseRun], condition: str, tests: dict[str, composition.ImageSet]) -> Iterator[dict]:
    """A row a test set, of the seeds that both phases have."""
    seeds = [set(finished(phases[name], condition)) for name in PHASES]
    if not (common := sorted(set.intersection(*seeds))):
        raise UserError(f"{condition}: no seed has been trained in both phases; see: cifake-keras run-grid")
    for test, images in tests.items():
        correct = [
            np.stack([right(phases[name], Cell(name, condition, "paper", seed), images) for seed in common])
            for name in PHASES
        ]
        of_phases = [statistics.estimate(values, images.labels) for values in correct]
        change = statistics.difference(correct[1], correct[0], images.labels)
        row = {"condition": condition, "test_set": test, "seeds": len(common)}
        for name, estimate in (*zip(PHASES, of_phases, strict=True), ("difference", change)):
            row |= {name: 100 * estimate.value, f"{name}_half_width": 100 * estimate.half_width}
        yield row | {"p": change.p_value, "n_real": images.count(0), "n_fake": images.count(1)}


def finished(phase: PhaseRun, condition: str) -> list[int]:
    """The seeds whose cells are done."""
    folders = cells.finished(phase.settings.results_dir, phase.phase.name, condition, "paper")
    return [int(folder.name.removeprefix("seed-")) for folder in folders]


def right(phase: PhaseRun, cell: Cell, images: composition.ImageSet) -> np.ndarray:
    """bool [images]."""
    condition = phase.condition(cell)
    classifier = read_classifier(cell.folder(phase.settings.results_dir), cell.classifier)
    score = Scorer(classifier, phase.networks(condition.steps), condition.range)
    logits = score(images, condition.path(MATCHED))
    say(f"{cell}: scored")
    return (logits >= 0) == (images.labels == FAKE)


def text(table: pd.DataFrame, phases: dict[str, PhaseRun]) -> str:
    train = phases["phase2"].data.train.examples
    fakes = int(((train["label"] == FAKE) & (train["source"] != "CIFAKE")).sum())
    fewer, more = (f"{len(phases[name].data.train):,}" for name in reversed(PHASES))
    shown = pd.DataFrame({"Condition": [protocol.CONDITIONS[name].title for name in table["condition"]]})
    shown["Test set"] = table["test_set"]
    for name, title in (("phase1", "Phase 1"), ("phase2", "Phase 2"), ("difference", "difference")):
        widths = table[f"{name}_half_width"]
        shown[title] = [f"{v:.1f} ± {w:.1f}" for v, w in zip(table[name], widths, strict=True)]
    shown["p"] = table["p"].map("{:.2g}".format)
    note = NOTE.format(fakes=fakes, fewer=fewer, more=more)
    table = shown.to_markdown(index=False, disable_numparse=True)
    return f"# Does a more diverse training set help?\n\n{note}\n{table}\n"


if __name__ == "__main__":
    main()
