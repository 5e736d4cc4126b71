"""What the tables of verdicts say, in a sentence a question."""

from collections.abc import Iterator

import pandas as pd


def sentences(tables: dict[str, pd.DataFrame], names: dict[str, str]) -> Iterator[str]:
    """tables: verdicts and reproductions, those that there are. names: titles of what stands in their columns."""
    if "reproductions" in tables:
        yield from _reproductions(tables["reproductions"], names)
    if "verdicts" in tables:
        yield from _comparisons(tables["verdicts"], names)


def _reproductions(table: pd.DataFrame, names: dict[str, str]) -> Iterator[str]:
    for phase, rows in table.groupby("phase", sort=False):
        count = (rows["verdict"] == "reproduced").sum()
        yield f"{names[phase]}: {count} of {len(rows)} numbers of the paper that can be compared are reproduced."


def _comparisons(table: pd.DataFrame, names: dict[str, str]) -> Iterator[str]:
    """A sentence a pair of systems; their classifiers are named where there are several."""
    several = pd.concat([table["classifier_a"], table["classifier_b"]]).nunique() > 1
    for keys, rows in table.groupby(["phase", "a", "classifier_a", "b", "classifier_b"], sort=False):
        phase, a, classifier_a, b, classifier_b = (names[key] for key in keys)
        of_a, of_b = (f" ({classifier})" if several else "" for classifier in (classifier_a, classifier_b))
        counts = rows["verdict"].value_counts(sort=False)
        told = ", ".join(f"{word} in {count}" for word, count in counts.items())
        yield f"{phase}, {a}{of_a} against {b}{of_b}: {told} of {len(rows)} comparisons."
