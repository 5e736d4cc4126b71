"""A folder of static files that runs a detector in the browser, with no request to any other host."""

import shutil
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from cifake_keras import protocol
from cifake_keras.detector import OTHER_SIZE, formats, limits, model_card
from cifake_keras.protocol import NATIVE
from cifake_keras.records import cells
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing
from cifake_keras.sources import reading

_HERE = Path(__file__).parent

_RATES = ("accuracy", "tpr", "tnr")


def write(model: Path, folder: Path, larger: Path | None = None) -> None:
    """Writes the page of a SavedModel: index.html, what it loads, TensorFlow.js and the model in its format.

    larger: that of a detector of pictures as they are, which the page asks about those of 64 pixels a side and more.
    Raises UserError where `model` is no SavedModel of this package, or its images are resized by another kernel.
    """
    model_card.check(model)
    card = model_card.read(model)
    if model_card.is_native(card):
        raise UserError(f"{model} is for pictures as they are, which the page asks beside one of 32 px: name that one.")
    if not {"kernel", "in_sample", "interval"} <= card.keys():
        raise UserError(f"{model} has no model card, or an older one; export it anew: cifake-keras run-grid.")
    if card["kernel"] != "bilinear":
        raise UserError(f"{model} takes images resized by {card['kernel']}; the page resizes by bilinear alone.")
    with replacing(folder) as temporary:
        shutil.copytree(_HERE / "static", temporary)
        shutil.copytree(_HERE / "vendor", temporary / "vendor")
        (temporary / "index.html").write_text(_index(card, larger), encoding="utf-8")
        formats.write(model, "tfjs", temporary / "model")
        if larger:
            formats.write(larger, "tfjs", temporary / NATIVE.name)


def _index(card: dict, larger: Path | None) -> str:
    templates = Environment(loader=PackageLoader(__name__), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("index.html").render(
        card=card,
        limits=limits.of_card(card),
        classifier=protocol.CLASSIFIERS[card["classifier"]].title,
        condition=protocol.CONDITIONS[card["condition"]].title,
        tests=_tests(card),
        training=", ".join(f"{name} ({count:,} images)" for name, count in cells.trained_on(card["data"]).items()),
        max_bytes=reading.MAX_BYTES,
        max_pixels=reading.MAX_PIXELS,
        other_size=OTHER_SIZE,
        native=_native(larger) if larger else None,
    )


def _native(model: Path) -> dict:
    """Its card, and what the page's scripts go by."""
    model_card.check(model)
    card = model_card.read(model)
    real_below, fake_from = limits.of_card(card)
    sizes = {"least": NATIVE.least, "most": NATIVE.most, "side": NATIVE.side}
    return {"card": card, "settings": {**sizes, "realBelow": real_below, "fakeFrom": fake_from}}


def _tests(card: dict) -> list[dict]:
    """A row a test set: its title, how many images, and rates in percent with their intervals."""
    titles = {test.name: test.title for test in protocol.phases(card["preset"])[card["phase"]].tests}
    rows = []
    for name, evaluations in card["tests"].items():
        metrics = evaluations["clean"]
        row = {
            "title": titles[name],
            "in_sample": name == card["in_sample"],
            "n": metrics["n_real"] + metrics["n_fake"],
        }
        rows.append(row | {rate: (metrics[rate], *metrics["intervals"][rate]) for rate in _RATES})
    return rows
