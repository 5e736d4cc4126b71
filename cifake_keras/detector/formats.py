"""A detector in the formats of other runtimes, each compared with its SavedModel once it is written."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cifake_keras.detector import keras_file, litert, model_card, saved_model, serving, tfjs
from cifake_keras.protocol import IMAGE_SIZE
from cifake_keras.runtime.errors import UserError
from cifake_keras.runtime.files import replacing
from cifake_keras.sources import scenes

if TYPE_CHECKING:
    import onnx

# float32 [batch, height, width, 3] in [0, 1] to probability_fake, float32 [batch].
Predict = Callable[[np.ndarray], np.ndarray]

_CHECKED = 256  # images
_LARGE = 2**20  # bytes of a constant
_TOLERANCE, _TOLERANCE_FLOAT16 = 1e-3, 1e-2


@dataclass(frozen=True)
class _Format:
    """write(model, path, float16) makes a file or folder of a SavedModel; load(path) runs it."""

    write: Callable[[Path, Path, bool], None]
    load: Callable[[Path], Predict]
    halved: bool = False  # whether weights can be stored as float16


def write(model: Path, name: str, path: Path, float16: bool = False) -> float:
    """Writes a SavedModel in one of FORMATS; returns the largest difference of its probabilities on 256 images.

    path: a file for keras, litert and onnx, a folder for the others; it appears whole or not at all.
    float16: stores weights in half the room; litert and tfjs alone.
    Raises UserError where the format lacks float16 or its extra is not installed, where `model` is no SavedModel of
    this package or none that the format can hold, and where a difference is over 1e-3 (1e-2 with float16).
    """
    form = FORMATS[name]
    if float16 and not form.halved:
        raise UserError(f"--float16 goes with {' and '.join(key for key in FORMATS if FORMATS[key].halved)} alone.")
    images = _pictures() if model_card.is_native(model_card.read(model)) else _images()
    expected = saved_model.load(model)(images)
    with replacing(path) as temporary:
        difference = float(np.abs(_answers(form, name, model, temporary, float16, images) - expected).max())
        if not difference <= (_TOLERANCE_FLOAT16 if float16 else _TOLERANCE):
            raise UserError(
                f"{name} gives other probabilities than {model}, by up to {difference:.2g}; nothing was kept."
            )
    return difference


def _answers(form: _Format, name: str, model: Path, path: Path, float16: bool, images: np.ndarray) -> np.ndarray:
    """Those of what is written. Raises UserError where the format does not have what the model computes with."""
    try:
        form.write(model, path, float16)
        return form.load(path)(images)
    except (UserError, OSError):
        raise
    except Exception as error:  # each converter and runtime says in its own way what it has not
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{model} does not run as {name} ({reason}); export it to another format.") from error


def _images() -> np.ndarray:
    """Of every procedural recipe, so that probabilities of all sizes are compared."""
    each = -(-_CHECKED // len(scenes.RECIPES))
    images = np.concatenate([scenes.images(recipe, each) for recipe in scenes.RECIPES])
    return images[:_CHECKED].astype(np.float32) / 255


def _pictures() -> np.ndarray:
    """The same in sixteen pictures, each of 4 x 4."""
    side = 4 * IMAGE_SIZE
    return _images().reshape(-1, 4, 4, IMAGE_SIZE, IMAGE_SIZE, 3).swapaxes(2, 3).reshape(-1, side, side, 3)


def _copy(model: Path, path: Path, _float16: bool) -> None:
    if strange := next((inside for inside in model.rglob("*") if not _is_plain(inside)), None):
        raise UserError(f"{strange} is a link, a pipe or a device, which a SavedModel has none of; nothing was copied.")
    shutil.copytree(model, path)


def _is_plain(path: Path) -> bool:
    """A file or a folder of its own: a link may lead to what is not the model's, and a device may never end."""
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def _write_serving(model: Path, path: Path, float16: bool) -> None:
    serving.require()
    _copy(model, path / serving.MODEL, float16)
    serving.complete(path)


def _write_onnx(model: Path, path: Path, float16: bool) -> None:
    try:
        import onnxruntime  # noqa: F401 (checks the result)
        import tf2onnx
    except ImportError as error:
        raise UserError("--format onnx needs an extra: pip install 'cifake-keras[onnx]'") from error
    graph = saved_model.frozen(model)
    image, probability = graph.inputs[0].name, graph.outputs[0].name
    definition = _without_erfc(graph.graph.as_graph_def())
    weights = _taken_out(definition)
    converted, _ = tf2onnx.convert.from_graph_def(
        definition,
        input_names=[image, *weights],
        output_names=[probability],
        tensors_to_rename={image: "image", probability: "probability_fake"},
    )
    _put_in(converted.graph, weights)
    path.write_bytes(converted.SerializeToString())


def _taken_out(definition: tf.compat.v1.GraphDef) -> dict[str, np.ndarray]:
    """Makes inputs of large constants, and returns these: tf2onnx copies its graph so often that CLIP's take 16 GB."""
    weights = {}
    for node in definition.node:
        if node.op == "Const" and node.ByteSize() > _LARGE:
            weights[f"{node.name}:0"] = value = tf.make_ndarray(node.attr["value"].tensor)
            node.op = "Placeholder"
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
            del node.attr["value"]
    return weights


def _put_in(graph: "onnx.GraphProto", weights: dict[str, np.ndarray]) -> None:
    """Makes constants of them again."""
    from onnx import numpy_helper

    for taken in [of for of in graph.input if of.name in weights]:
        graph.input.remove(taken)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())


def _without_erfc(definition: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The complement of the error function, of which GELU is made, as one minus that function: ONNX has no other."""
    for node in [node for node in definition.node if node.op == "Erfc"]:
        dtype = node.attr["T"]
        erf = definition.node.add(op="Erf", name=f"{node.name}/erf", input=node.input, attr={"T": dtype})
        one = definition.node.add(op="Const", name=f"{node.name}/one", attr={"dtype": dtype})
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0, dtype.type))
        node.op, node.input[:] = "Sub", [one.name, erf.name]
    return definition


def _load_onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda images: session.run(["probability_fake"], {"image": images})[0]


def _load_tfjs(path: Path) -> Predict:
    graph = tfjs.read(path)
    return lambda images: graph(tf.constant(images)).numpy()


FORMATS = {
    "savedmodel": _Format(_copy, saved_model.load),
    "serving": _Format(_write_serving, lambda path: saved_model.load(path / serving.MODEL)),
    "litert": _Format(saved_model.write_litert, litert.load, halved=True),
    "keras": _Format(lambda model, path, _float16: keras_file.write(model, path), keras_file.load),
    "onnx": _Format(_write_onnx, _load_onnx),
    "tfjs": _Format(
        lambda model, path, float16: tfjs.write(saved_model.frozen(model), path, float16), _load_tfjs, halved=True
    ),
}
