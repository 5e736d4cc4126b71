"""Vision transformers of keras-hub, which has their weights as presets.

CLIP: Radford et al., ICML 2021 (arXiv 2103.00020). DINOv2: Oquab et al., 2023 (arXiv 2304.07193). DINOv3: Simeoni et
al., 2025 (arXiv 2508.10104). SigLIP: Zhai et al., ICCV 2023 (arXiv 2303.15343).
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from cifake_keras.models.backbones.pixels import enlarged
from cifake_keras.protocol import Transformer
from cifake_keras.runtime.errors import UserError

_TOWER = "tower"  # the layer of a network that is keras-hub's


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: Transformer) -> tf.Tensor:
    """What stands for the whole image, the class token where there is one: [batch, width]."""
    mean, deviation = (np.array(of, np.float32) for of in (settings.mean, settings.deviation))
    return network((enlarged(images, settings.side) - mean) / deviation)


def network(settings: Transformer, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Preprocessed images [batch, side, side, 3] to features. Raises UserError without keras-hub."""
    shape, build = (settings.side, settings.side, 3), getattr(_hub().models, settings.network)
    keras.utils.set_random_seed(seed)  # keras-hub's initialisers take none of their own
    tower = build(**dict(settings.arguments), image_shape=shape, name=_TOWER)
    image = keras.Input(shape, name="image")
    seen = tower(dict.fromkeys(tower.input, image))
    return keras.Model(image, seen[:, 0] if len(seen.shape) == 3 else seen)


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of a preset's files. Raises UserError where they are those of another network."""
    folder = originals[0].parent
    try:
        preset = _hub().models.Backbone.from_preset(str(folder))
        with TemporaryDirectory() as temporary:
            # By a file, as layers that interpolate positions do so when they are loaded.
            file = Path(temporary) / "tower.weights.h5"
            getattr(preset, "vision_encoder", preset).save_weights(file)
            network.get_layer(_TOWER).load_weights(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} does not hold the preset of this network: {error}") from error


def _hub() -> ModuleType:
    try:
        import keras_hub
    except ImportError as error:
        raise UserError("This backbone needs an extra: pip install 'cifake-keras[hub]'.") from error
    return keras_hub
