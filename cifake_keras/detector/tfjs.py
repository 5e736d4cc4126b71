"""TensorFlow.js's graph-model format: a frozen graph as JSON, and the values of its constants beside it.

Not by the package `tensorflowjs`, which brings JAX and decision forests, and these need TensorFlow 2.19.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

MODEL = "model.json"
_WEIGHTS = "weights.bin"


def write(graph: tf.types.experimental.ConcreteFunction, folder: Path, float16: bool) -> None:
    """Writes model.json and weights.bin into a new folder, for `tf.loadGraphModel`.

    graph: without variables. float16: weights take half the room; TensorFlow.js computes in float32 all the same.
    """
    definition = _without_halves(graph.graph.as_graph_def())
    weights, values = _constants(definition, float16)
    model = {
        "format": "graph-model",
        "generatedBy": f"TensorFlow {tf.__version__}",
        "convertedBy": "cifake_keras",
        "signature": {
            "inputs": {"image": _tensor(graph.inputs[0])},
            "outputs": {"probability_fake": _tensor(graph.outputs[0])},
        },
        "modelTopology": json_format.MessageToDict(definition),
        "weightsManifest": [{"paths": [_WEIGHTS], "weights": weights}],
    }
    folder.mkdir()
    (folder / _WEIGHTS).write_bytes(b"".join(value.tobytes() for value in values))
    (folder / MODEL).write_text(json.dumps(model), encoding="utf-8")


def _without_halves(definition: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The graph in float32 throughout: TensorFlow.js has no float16 but in files."""
    half, single = tf.float16.as_datatype_enum, tf.float32.as_datatype_enum
    for attribute in (attribute for node in definition.node for attribute in node.attr.values()):
        if attribute.type == half:
            attribute.type = single
    return definition


def _constants(definition: tf.compat.v1.GraphDef, float16: bool) -> tuple[list[dict], list[np.ndarray]]:
    """Takes the values out of a graph; returns the manifest's entry of each, and the value that is stored."""
    weights, values = [], []
    for node in definition.node:
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            node.attr["value"].tensor.Clear()
            halved = value.dtype == np.float16 or (float16 and value.dtype == np.float32)
            dtype = "float32" if halved else value.dtype.name
            weights.append({"name": node.name, "shape": value.shape, "dtype": dtype})
            if halved:
                weights[-1]["quantization"] = {"dtype": "float16"}
                with np.errstate(over="ignore"):  # the result is compared with the original
                    value = value.astype(np.float16)
            values.append(value)
    return weights, values


def _tensor(tensor: tf.Tensor) -> dict:
    sizes = [{"size": str(-1 if size is None else size)} for size in tensor.shape]
    return {"name": tensor.name, "dtype": "DT_FLOAT", "tensorShape": {"dim": sizes}}


def read(folder: Path) -> tf.types.experimental.ConcreteFunction:
    """Reads what `write` wrote, as TensorFlow's function of a batch of images."""
    model = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    definition = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    nodes = {node.name: node for node in definition.node}
    (group,) = model["weightsManifest"]
    content, start = (folder / _WEIGHTS).read_bytes(), 0
    for weight in group["weights"]:
        stored = np.dtype(weight.get("quantization", weight)["dtype"])
        count = int(np.prod(weight["shape"]))
        value = np.frombuffer(content, stored, count, start).reshape(weight["shape"]).astype(weight["dtype"])
        nodes[weight["name"]].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        start += count * stored.itemsize
    names = [
        model["signature"][end][name]["name"] for end, name in (("inputs", "image"), ("outputs", "probability_fake"))
    ]
    whole = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(definition, name=""), [])
    return whole.prune(*names)
