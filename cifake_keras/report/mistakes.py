"""A phase's hardest mistakes with their saliency, as the page shows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cifake_keras import protocol
from cifake_keras.records import cells
from cifake_keras.records.mistakes import MISTAKES, Mistakes
from cifake_keras.report import pictures

# What an image of a class is, in many.
PLURALS = ("photographs", "fakes")


@dataclass(frozen=True)
class Gallery:
    """Of a condition and a class. note: of how many they were picked. pictures: a data URI and its caption."""

    title: str
    note: str
    pictures: list[tuple[str, str]]


def galleries(results_dir: Path, phase: str, names: dict[str, str]) -> list[Gallery]:
    """None where the grid has kept no mistakes. names: titles of conditions and so on.

    Raises UserError where their file is damaged.
    """
    path = cells.phase_folder(results_dir, phase) / MISTAKES
    return list(_galleries(Mistakes.load(path), names)) if path.exists() else []


def _galleries(mistakes: Mistakes, names: dict[str, str]) -> Iterator[Gallery]:
    for condition in protocol.CONDITIONS:
        for label, plural in enumerate(PLURALS):
            places = np.flatnonzero((mistakes.conditions == condition) & (mistakes.labels == label))
            if places.size:
                yield Gallery(
                    f"{names[condition]}: {plural} that it takes for {PLURALS[1 - label]}",
                    _picked(mistakes, places, plural, names),
                    [_picture(mistakes, int(place)) for place in places],
                )


def _picked(mistakes: Mistakes, places: np.ndarray, plural: str, names: dict[str, str]) -> str:
    first, test = places[0], str(mistakes.test_set)
    classifier = names[str(mistakes.classifiers[first])]
    return (
        f"{classifier}, seed {mistakes.seeds[first]}: the {len(places)} most confident of {mistakes.wrong[first]:,} "
        f"mistakes on {mistakes.tested[first]:,} {plural} of the test set {names.get(test, test)}."
    )


def _picture(mistakes: Mistakes, place: int) -> tuple[str, str]:
    picture = pictures.of_pixels(mistakes.images[place], pictures.coloured(mistakes.saliency[place]))
    return picture, f"P(fake) {mistakes.probability_fake[place]:.3f}, {mistakes.filenames[place]}"
