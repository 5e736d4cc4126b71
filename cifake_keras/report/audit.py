"""An audit as Markdown, and as one page with pictures of duplicates, from the files of its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from cifake_keras import protocol
from cifake_keras.records import audits
from cifake_keras.report import form, pictures
from cifake_keras.runtime.files import read_json, write_text

CATEGORIES = {
    "format": "file format",
    "subsampling": "JPEG chroma subsampling",
    "quantisation": "JPEG quantisation tables",
}
MEASURES = {
    "bytes": "file size, bytes",
    "native_pixels": "native size, pixels",
    "colourfulness": "colourfulness",
    "grey_share": "share of grey pixels",
    "sharpness": "sharpness",
    "high_frequencies": "share of high frequencies",
}
DIVISIONS = {
    "class": "All images; a class without duplicates of its own is listed too.",
    "official split": "By the splits that a source comes with.",
    "composed split": "By what images are used for: train, validation, a test set by its name, or nothing (unused).",
}

# So many kinds of files of a source and class are listed: those of photographs found on the Web have no end.
_KINDS = 5


@dataclass(frozen=True)
class _Section:
    """A table as text. left: so many of its columns are names; the others are numbers."""

    title: str
    note: str
    headings: list[str]
    rows: list[list[str]]
    left: int


@dataclass(frozen=True)
class _Gallery:
    """Pairs of one kind between two places. pairs: a picture, as a data URI, and its caption."""

    title: str
    pairs: list[tuple[str, str]]


def write(folder: Path) -> list[Path]:
    """Writes audit.md and audit.html into the folder of an audit."""
    settings = read_json(folder / audits.SETTINGS)
    phase = protocol.phases(settings["preset"])[settings["phase"]]
    title, notes = f"Audit of {phase.title}", _notes(settings)
    sections = list(_sections(folder, {test.name: test.title for test in phase.tests}))
    page = Environment(loader=PackageLoader("cifake_keras.report"), autoescape=True).get_template("audit.html")
    texts = {
        "audit.md": _markdown(title, notes, sections),
        "audit.html": page.render(title=title, notes=notes, sections=sections, galleries=list(_galleries(folder))),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _notes(settings: dict) -> list[str]:
    return [
        form.preset_line(settings["preset"]),
        f"{settings['images']:,} images read: all of the phase's sources. Files, native size and exact duplicates are "
        f"of the images as they came; all else is measured at {protocol.IMAGE_SIZE} px, {settings['kernel']} kernel.",
        f"Near duplicates are not identical, but their perceptual hashes differ by at most {settings['max_bits']} of "
        f"64 bits, and their pixels by at most {settings['max_distance']:g} of 255 levels (root mean square).",
    ]


def _sections(folder: Path, tests: dict[str, str]) -> Iterator[_Section]:
    yield _sources(_read(folder, "sources"))
    yield _files(_read(folder, "files"))
    for division, counts in _read(folder, "duplicates").groupby("division", sort=False):
        yield _duplicates(division, counts)
    yield _confounds(_read(folder, "confounds"), tests)
    yield _floor(_read(folder, "floor"), tests)


def _read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, dtype={"quantisation": str})


def _sources(table: pd.DataFrame) -> _Section:
    note = "Grey: no pixel's channels differ. Nearly grey: they differ by at most 8 of 255 levels."
    rows = [
        [
            row.source,
            row.label,
            f"{row.images:,}",
            _range(row.min_width, row.max_width),
            _range(row.min_height, row.max_height),
            _share(row.grey, row.images),
            _share(row.near_grey, row.images),
        ]
        for row in table.rename(columns={"class": "label"}).itertuples()
    ]
    headings = ["Source", "Class", "Images", "Width", "Height", "Grey", "Nearly grey"]
    return _Section("Sources", note, headings, rows, left=2)


def _files(table: pd.DataFrame) -> _Section:
    note = (
        f"The {_KINDS} most frequent kinds of each source and class. JPEG's quantisation tables are told by a digest. "
        "Subsampling is other where it is not 4:4:4, 4:2:2 or 4:2:0, as in grayscale files."
    )
    shown = table.rename(columns={"class": "label"}).groupby(["source", "label"]).head(_KINDS)
    rows = [
        [
            row.source,
            row.label,
            row.format,
            row.subsampling or "none",
            row.quantisation or "none",
            f"{row.images:,}",
            f"{row.median_bytes:,.0f}",
        ]
        for row in shown.itertuples()
    ]
    headings = ["Source", "Class", "Format", "Subsampling", "Tables", "Images", "Median bytes"]
    return _Section("Files", note, headings, rows, left=5)


def _range(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f}%)"


def _duplicates(division: str, counts: pd.DataFrame) -> _Section:
    shown = counts if division == "class" else counts[counts["pairs"] > 0]
    rows = [[row.kind, row.place, row.other, f"{row.pairs:,}", f"{row.groups:,}"] for row in shown.itertuples()]
    headings = ["Kind", "Between", "and", "Pairs", "Groups"]
    return _Section(f"Duplicates by {division}", DIVISIONS[division], headings, rows, left=3)


def _confounds(table: pd.DataFrame, tests: dict[str, str]) -> _Section:
    note = (
        "How well one measure alone tells real from fake, as an AUC: 0.5 is chance, 1 and 0 are perfect (above 0.5, "
        "fakes have more of it). Beside it the medians of real and of fake images. File format, subsampling and tables "
        "have no order: an image's score is how often its kind is fake among other images (out of fold), and the most "
        "frequent kind is shown."
    )
    rows = [
        [tests[row.test_set], (CATEGORIES | MEASURES)[row.measure], f"{row.auc:.3f}"]
        + [_typical(row.measure, value) for value in (row.typical_real, row.typical_fake)]
        for row in table.itertuples()
    ]
    return _Section("Confounds", note, ["Test set", "Measure", "AUC", "Real", "Fake"], rows, left=2)


def _typical(measure: str, value: str) -> str:
    if measure in CATEGORIES:
        return value or "none"
    return f"{float(value):,.0f}" if float(value) >= 100 else f"{float(value):.3g}"


def _floor(table: pd.DataFrame, tests: dict[str, str]) -> _Section:
    note = (
        f"Logistic regressions trained on the phase's {table['n_train'].iloc[0]:,} training images: what a detector "
        "must exceed to have learned more than these measures. In percent, but for the AUC."
    )
    rows = [
        [title, protocol.FLOOR[row.features].title]
        + [f"{100 * value:.1f}" for value in (row.accuracy, row.tpr, row.tnr)]
        + [f"{row.auc:.3f}", f"{row.n_real:,} + {row.n_fake:,}"]
        for test, title in tests.items()
        for row in table[table["test_set"] == test].itertuples()
    ]
    headings = ["Test set", "Features", "Accuracy", "TPR", "TNR", "AUC", "Images, real + fake"]
    return _Section("Shortcut floor", note, headings, rows, left=2)


def _galleries(folder: Path) -> Iterator[_Gallery]:
    with np.load(folder / audits.EXAMPLES) as examples:
        pairs = (
            _read(folder, "pairs")
            .loc[examples["rows"]]
            .assign(picture=[pictures.of_pixels(*pair) for pair in examples["images"]])
        )
    places = [f"{end}_{column}" for end in ("first", "second") for column in ("source", "class", "used_in")]
    for (kind, *place), shown in pairs.groupby(["kind", *places]):
        captions = (
            f"{row.first_filename} and {row.second_filename}{_apart(row.distance)}" for row in shown.itertuples()
        )
        yield _Gallery(
            f"{kind}: {' '.join(place[:3])} and {' '.join(place[3:])}",
            list(zip(shown["picture"], captions, strict=True)),
        )


def _apart(distance: float) -> str:
    return f", {distance:.1f} levels apart" if distance else ""


def _markdown(title: str, notes: list[str], sections: list[_Section]) -> str:
    lines = "\n".join(f"- {note}" for note in notes)
    return f"# {title}\n\n{lines}\n" + "".join(map(_table, sections))


def _table(section: _Section) -> str:
    table = form.markdown(section.rows, section.headings, section.left)
    return f"\n## {section.title}\n\n{section.note}\n\n{table}\n"
