"""The variational autoencoders of latent diffusion models, as keras-hub builds them.

Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022 (arXiv 2112.10752). Stable
Diffusion 3, whose latent is an eighth of the image wide: Esser et al., ICML 2024 (arXiv 2403.03206).
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import keras
import tensorflow as tf
from keras import ops

from cifake_keras.models.layers import IMAGE_SHAPE, resized
from cifake_keras.protocol import IMAGE_SIZE, SIGNED, VariationalAutoencoder
from cifake_keras.runtime.errors import UserError


def apply(images: tf.Tensor, draws: None, network: keras.Model, settings: VariationalAutoencoder) -> tf.Tensor:
    """The reconstructions."""
    return network(images)


def network(settings: VariationalAutoencoder, seed: int = 0, precision: str = "float32") -> keras.Model:
    """Image and reconstruction are [batch, 32, 32, 3] in [-1, 1]. precision: as `models.build` takes it.

    Between encoder and decoder stands the mean of the latent's distribution, so that nothing is left to chance. Raises
    UserError without keras-hub.
    """
    vae, filters = _vae_layers(), settings.filters
    keras.utils.set_random_seed(seed)  # keras-hub's initialisers take none of their own
    encoder = vae.VAEEncoder(filters, len(filters) * [settings.blocks], 2 * settings.latents, dtype=precision)
    decoder = vae.VAEDecoder(filters[::-1], len(filters) * [settings.blocks + 1], dtype=precision)
    image = keras.Input(IMAGE_SHAPE, name="image")
    mean = encoder(resized(image, settings.side))[..., : settings.latents]
    clipped = ops.clip(ops.cast(decoder(mean), "float32"), *SIGNED)
    return keras.Model(image, resized(clipped, IMAGE_SIZE))


def convert(originals: Sequence[Path], network: keras.Model) -> None:
    """Gives `network` the weights of the autoencoder in a preset's file, and reads no others: a generator has billions.

    Raises UserError where it is another autoencoder.
    """
    (original,) = originals
    try:
        network.load_weights(original)
    except (OSError, ValueError) as error:
        raise UserError(f"{original} does not hold the weights of this network: {error}") from error


def _vae_layers() -> ModuleType:
    """They are not among keras-hub's public names, but its presets name their module."""
    try:
        from keras_hub.src.models.vae import vae_layers
    except ImportError as error:
        raise UserError("This autoencoder needs an extra: pip install 'cifake-keras[hub]'.") from error
    return vae_layers
