"""A detector as a model repository in Hugging Face's form: README.md, SavedModel, LiteRT file, .keras file."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from cifake_keras.detector import formats, hubs, keras_file, litert, model_card
from cifake_keras.evaluation.metrics import METRICS
from cifake_keras.protocol import SOURCES
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing
from cifake_keras.runtime.progress import say

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

README, KERAS_FILE = "README.md", "model.keras"

_TEMPLATE = Path(__file__).with_name("repository.md")
_TASK = "image-classification"


def write(model: Path, folder: Path, address: str = "hf://USER/NAME") -> None:
    """Writes the repository of a SavedModel; `folder` appears as a whole. address: where it will be found.

    Its model card holds the digests of all files but README.md, which people change on the Hub. A network with layers
    that Keras does not come with has no .keras file there.
    Raises UserError where `model` is damaged or has no model card of a cell, or huggingface_hub is not installed.
    """
    card, names = model_card.read(model), list(model_card.digests(model))
    if not {"condition", "classifier", "tests"} <= card.keys():
        raise UserError(f"{model} has no model card of a trained cell: name the folder of a SavedModel of run-grid.")
    model_card.check(model)
    hubs.require_client()
    with replacing(folder) as temporary:
        for name in names:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(model / name, temporary / name)
        if litert.FILE not in names:
            formats.write(model, "litert", temporary / litert.FILE)
        try:
            formats.write(model, "keras", temporary / KERAS_FILE)
        except keras_file.ForeignLayers as error:
            say(f"no {KERAS_FILE}: {error}")
        model_card.write(temporary, card)
        (temporary / README).write_text(_readme(card, address, (temporary / KERAS_FILE).exists()), encoding="utf-8")


def _readme(card: dict, address: str, has_keras_file: bool) -> str:
    from huggingface_hub import ModelCard, ModelCardData

    trained_on = [source["name"] for source in card["data"] if "train" in source["splits"]]
    name = f"cifake-keras {card['phase']} {card['condition']} {card['classifier']}"
    front_matter = ModelCardData(
        library_name="keras",
        license="other" if "weights" in card else "mit",  # of others' weights it is the strictest
        tags=["cifake", "synthetic-image-detection", "tensorflow", "litert"],
        pipeline_tag=_TASK,
        datasets=trained_on,
        model_name=name,
        eval_results=list(_results(card)),
    )
    return str(
        ModelCard.from_template(
            front_matter,
            template_path=str(_TEMPLATE),
            name=name,
            card=card,
            table=_table(card),
            trained_on=", ".join(map(_with_licence, trained_on)),
            address=address,
            has_keras_file=has_keras_file,
        )
    )


def _with_licence(source: str) -> str:
    return f"{source} (licence: {SOURCES[source].licence})" if source in SOURCES else source


def _tests(card: dict) -> Iterator[tuple[str, str, dict]]:
    """(test set, evaluation, scores); once where clean images have the scores of matched ones."""
    for test, evaluations in card["tests"].items():
        seen: list[dict] = []
        for evaluation, scores in evaluations.items():
            if scores not in seen:
                yield test, evaluation, scores
            seen.append(scores)


def _results(card: dict) -> Iterator["EvalResult"]:
    from huggingface_hub import EvalResult

    for test, evaluation, scores in _tests(card):
        for key, metric in METRICS.items():
            if scores.get(key) is not None:
                interval = _interval(scores, key)
                yield EvalResult(
                    task_type=_TASK,
                    dataset_type=test,
                    dataset_name=test,
                    dataset_config=evaluation,
                    dataset_split="test",
                    metric_type=key,
                    metric_name=f"{metric.title}, 95% interval {interval}" if interval else metric.title,
                    metric_value=scores[key],
                )


def _table(card: dict) -> str:
    tests = list(_tests(card))
    measured = [key for key in METRICS if any(scores.get(key) is not None for *_, scores in tests)]
    rows = [
        (test, evaluation, f"{scores['n_real']:,} + {scores['n_fake']:,}", *(_cell(scores, key) for key in measured))
        for test, evaluation, scores in tests
    ]
    titles = [METRICS[key].title for key in measured]
    return tabulate(rows, ["test", "", "photographs + fakes", *titles], "github", disable_numparse=True)


def _cell(scores: dict, metric: str) -> str:
    interval = _interval(scores, metric)
    value = "" if scores.get(metric) is None else f"{scores[metric]:.4f}"
    return f"{value} ({interval})" if interval else value


def _interval(scores: dict, metric: str) -> str:
    low_high = scores.get("intervals", {}).get(metric)
    return "{:.4f} to {:.4f}".format(*low_high) if low_high else ""
