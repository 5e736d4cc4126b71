"""A small residual network: three sizes of feature maps, two blocks each, averaged over all places.

175,793 parameters. He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385), section 4.2,
narrower and shorter.
"""

import keras
from keras import KerasTensor, layers

from cifake_keras.models.layers import IMAGE_SHAPE, Layers, layer_seeds

_WIDTHS, _BLOCKS = (16, 32, 64), 2


def build(settings: None, seed: int, precision: str) -> keras.Model:
    """As `models.build`."""
    make = _Convolutions(seed, precision)
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = make.unit(image, _WIDTHS[0])
    for place, width in enumerate(_WIDTHS):
        for block in range(_BLOCKS):
            x = _block(x, width, 2 if place and not block else 1, make)
    features = layers.GlobalAveragePooling2D(dtype=precision)(x)
    logit = Layers(seed, precision).dense(_WIDTHS[-1], 1, activation=None, last=True)
    return keras.Model(image, logit(features))


def _block(x: KerasTensor, width: int, stride: int, make: "_Convolutions") -> KerasTensor:
    """Two convolutions beside the way past them, which is one of its own where the shape changes."""
    y = make.unit(make.unit(x, width, stride), width, activated=False)
    past = x if x.shape == y.shape else make.unit(x, width, stride, side=1, activated=False)
    return layers.ReLU(dtype=make.precision)(layers.Add(dtype=make.precision)([past, y]))


class _Convolutions:
    """Makes convolutions with a normalisation behind each, each with a seed of its own."""

    def __init__(self, seed: int, precision: str):
        self._seeds = layer_seeds(seed)
        self.precision = precision

    def unit(self, x: KerasTensor, width: int, stride: int = 1, side: int = 3, activated: bool = True) -> KerasTensor:
        start = keras.initializers.HeNormal(next(self._seeds))
        options = {"use_bias": False, "kernel_initializer": start, "dtype": self.precision}
        x = layers.Conv2D(width, side, stride, "same", **options)(x)
        x = layers.BatchNormalization(momentum=0.9, dtype=self.precision)(x)
        return layers.ReLU(dtype=self.precision)(x) if activated else x
