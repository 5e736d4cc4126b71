"""A folder of static files that runs a detector in the browser, with no request to any other host."""

import json
import shutil
from pathlib import Path

from jinja2 import Environment, PackageLoader

from cifake_keras import formats, protocol
from cifake_keras.errors import UserError
from cifake_keras.export import MODEL_CARD
from cifake_keras.files import replacing
from cifake_keras.sources import reading

_HERE = Path(__file__).parent


def write(model: Path, folder: Path) -> None:
    """Writes the page of a SavedModel: index.html, what it loads, TensorFlow.js and the model in its format.

    Raises UserError where `model` is no SavedModel of ours, or takes images that the page resizes otherwise.
    """
    card = json.loads((model / MODEL_CARD).read_text(encoding="utf-8"))
    if card["kernel"] != "bilinear":
        raise UserError(f"{model} takes images resized by {card['kernel']}; the page resizes by bilinear alone.")
    with replacing(folder) as temporary:
        shutil.copytree(_HERE / "static", temporary)
        shutil.copytree(_HERE / "vendor", temporary / "vendor")
        (temporary / "index.html").write_text(_index(card), encoding="utf-8")
        formats.export(model, "tfjs", temporary / "model")


def _index(card: dict) -> str:
    template = Environment(loader=PackageLoader(__name__), autoescape=True).get_template("index.html")
    limits = {"max_bytes": reading.MAX_BYTES, "max_pixels": reading.MAX_PIXELS}
    return template.render(card=card, tests=list(map(_test, card["tests"], card["tests"].values())), facts=[], **limits)


def _test(name, scores) -> dict:
    metrics = scores["clean"]
    n = metrics["n_real"] + metrics["n_fake"]
    return {"title": name, "images": f"{n:,}"} | {k: f"{100 * metrics[k]:.1f}%" for k in ("accuracy", "tpr", "tnr")}
