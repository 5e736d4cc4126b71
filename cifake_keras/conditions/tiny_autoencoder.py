"""The tiny autoencoders of github.com/madebyollin/taesd, trained to do as the large ones of image generators do.

One network with 4 latent channels (TAESD, TAESDXL), 16 (TAESD3, TAEF1) or 32 (TAEF2), an eighth of the image wide.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers, ops

from cifake_keras.models.layers import IMAGE_SHAPE, layer_seeds, resized
from cifake_keras.protocol import IMAGE_SIZE, TinyAutoencoder
from cifake_keras.runtime import pytorch
from cifake_keras.runtime.errors import UserError

_WIDTH = 64
_PARTS = ("encoder", "decoder")


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: TinyAutoencoder) -> tf.Tensor:
    """The reconstructions."""
    return network(images)


def network(settings: TinyAutoencoder, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Image and reconstruction are [batch, 32, 32, 3] in [0, 1]. precision: as `models.build` takes it.

    The layers are called as in the original, "encoder.1.conv.0", which `convert` goes by.
    """
    make = _Layers(seed, precision)
    image = keras.Input(IMAGE_SHAPE, name="image")
    latents = _encoded(resized(image, settings.side), settings, make)
    clipped = layers.ReLU(max_value=1.0, dtype="float32")(_decoded(latents, settings, make))
    return keras.Model(image, resized(clipped, IMAGE_SIZE))


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of the encoder's and the decoder's file.

    Raises UserError where they are those of another network, and as `pytorch.tensors`.
    """
    of_parts = zip(_PARTS, map(pytorch.tensors, originals), strict=True)
    tensors = {f"{part}.{name}": tensor for part, named in of_parts for name, tensor in named.items()}
    try:
        for layer in network.layers:
            names = ("weight", "bias")[: len(layer.weights)]
            layer.set_weights([_in_keras(tensors[f"{layer.name}.{name}"]) for name in names])
    except (KeyError, ValueError) as error:
        files = " and ".join(map(str, originals))
        raise UserError(f"{files} do not hold the weights of this network: {error}") from error


def _in_keras(tensor: np.ndarray) -> np.ndarray:
    """A convolution's [out, in, height, width] as [height, width, in, out]; a vector as it is."""
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor


def _encoded(images: KerasTensor, settings: TinyAutoencoder, make: "_Layers") -> KerasTensor:
    """[batch, side, side, 3] to [batch, side / 8, side / 8, latents]."""
    x = make.block(make.conv(images, "encoder.0"), "encoder.1")
    for place in (2, 6, 10):
        x = make.conv(x, f"encoder.{place}", strides=2, bias=False)
        x = make.blocks(x, "encoder", place + 1, branch=settings.branch and place == 10)
    return make.conv(x, "encoder.14", settings.latents)


def _decoded(latents: KerasTensor, settings: TinyAutoencoder, make: "_Layers") -> KerasTensor:
    x = ops.relu(make.conv(3 * ops.tanh(latents / 3), "decoder.1"))
    for place in (3, 8, 13):
        x = make.blocks(x, "decoder", place, branch=settings.branch and place == 3)
        x = make.conv(make.doubled(x), f"decoder.{place + 4}", bias=False)
    return make.conv(make.block(x, "decoder.18"), "decoder.19", 3, last=True)


class _Layers:
    """Adds layers of one precision, the last in float32, each with a seed of its own."""

    def __init__(self, seed: int, precision: str):
        self._seeds, self.precision = layer_seeds(seed), precision

    def conv(
        self,
        x: KerasTensor,
        name: str,
        filters: int = _WIDTH,
        side: int = 3,
        strides: int = 1,
        bias: bool = True,
        last: bool = False,
    ) -> KerasTensor:
        """PyTorch pads both sides where it strides; TensorFlow's "same" pads one."""
        padding = "same" if strides == 1 else "valid"
        padded = x if strides == 1 else layers.ZeroPadding2D(1, dtype=self.precision)(x)
        start = keras.initializers.GlorotUniform(next(self._seeds))
        options = {"use_bias": bias, "kernel_initializer": start, "dtype": "float32" if last else self.precision}
        return layers.Conv2D(filters, side, strides, padding, name=name, **options)(padded)

    def doubled(self, x: KerasTensor) -> KerasTensor:
        """Each pixel as four. LiteRT does not know the shape of what UpSampling2D gives."""
        height, width = x.shape[1:3]
        return layers.Resizing(2 * height, 2 * width, "nearest", dtype=self.precision)(x)

    def block(self, x: KerasTensor, name: str, branch: bool = False) -> KerasTensor:
        """Three convolutions beside the way past them; before them, where it has one, a branch that sees the whole."""
        if branch:
            x = x + self._branch(x, f"{name}.pool")
        y = ops.relu(self.conv(x, f"{name}.conv.0"))
        y = ops.relu(self.conv(y, f"{name}.conv.2"))
        return ops.relu(self.conv(y, f"{name}.conv.4") + x)

    def blocks(self, x: KerasTensor, part: str, first: int, branch: bool) -> KerasTensor:
        for place in range(first, first + 3):
            x = self.block(x, f"{part}.{place}", branch)
        return x

    def _branch(self, x: KerasTensor, name: str) -> KerasTensor:
        y = self.conv(x, f"{name}.0", 4 * _WIDTH, side=1, bias=False)
        y = layers.GroupNormalization(4, epsilon=1e-5, name=f"{name}.1", dtype=self.precision)(y)
        return self.conv(ops.relu(y), f"{name}.3", side=1, bias=False)
