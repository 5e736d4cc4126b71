"""The networks equal their PyTorch originals (fixture: scripts/make_parity.py), and start as PyTorch's do."""

from dataclasses import replace

import keras
import numpy as np
import parity
import pytest
from learning import FIXTURE, from_pytorch, paper

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.protocol import AUTOENCODER, CLASSIFIERS, Autoencoder, Topology


def test_the_classifier_equals_pytorchs():
    assert np.abs(paper()(parity.images()).numpy() - FIXTURE["logits"]).max() < 1e-5


def test_the_autoencoder_equals_pytorchs():
    weights = parity.parameters(parity.AUTOENCODER, 2, parity.TRANSPOSED)
    network = from_pytorch(path.build(AUTOENCODER), weights, {2: (8, 8, 64)}, {3: (8, 8, 64)})
    reconstructions = network(2 * parity.images() - 1).numpy()
    assert np.abs(reconstructions - FIXTURE["reconstructions"]).max() < 1e-5


def test_the_classifier_has_the_papers_parameters():
    assert models.build("paper").count_params() == 2_111_585


def test_bird_and_lotfi_have_36_topologies():
    """The chosen one has two convolutions of 32 filters and a dense layer of 64 units: 84,001 parameters."""
    topologies = {name: of.settings for name, of in CLASSIFIERS.items() if isinstance(of.settings, Topology)}
    assert len(set(topologies.values())) == 36 and models.build("bird_lotfi").count_params() == 84_001
    kinds = {name: [type(layer).__name__ for layer in models.build(name).layers] for name in topologies}
    for name, topology in topologies.items():
        assert kinds[name].count("Conv2D") == topology.convolutions and kinds[name].count("Dense") == topology.dense + 1
    wide = models.build("bird_lotfi_dense_256x3").layers[-4:]
    assert [layer.units for layer in wide] == [256, 256, 256, 1]


@pytest.mark.parametrize(
    "network",
    [*(models.build(name, seed=3) for name in ("paper", "bird_lotfi")), path.build(AUTOENCODER, seed=3)],
    ids=lambda of: of.name,
)
def test_weights_start_within_one_by_root_fan_in(network):
    biases = []
    for layer in (layer for layer in network.layers if layer.weights):
        kernel, bias = layer.get_weights()
        # A transposed convolution has its outputs where others have their inputs; PyTorch takes those.
        bound = 1 / np.sqrt(np.prod(kernel.shape[:-1]))
        assert np.abs(kernel).max() <= bound and np.abs(bias).max() <= bound
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.15)
        biases.append(bias / bound)
    # Together, for a layer may have one only.
    assert np.concatenate(biases).std() == pytest.approx(1 / np.sqrt(3), rel=0.15)


def test_bfloat16_keeps_weights_and_logits_in_float32():
    network = models.with_weights(models.build("paper", precision="mixed_bfloat16"), paper())
    logits = network(parity.images())
    assert logits.dtype == "float32" and {weight.dtype for weight in network.weights} == {"float32"}
    difference = np.abs(logits.numpy() - FIXTURE["logits"]).max()
    assert 0 < difference < 0.02, "bfloat16 has eight bits, and must be in use"


def test_without_its_relu_the_latent_has_negative_values():
    images = 2 * parity.images() - 1
    linear = replace(AUTOENCODER, settings=Autoencoder(latent=None))
    chosen, free = (latent(path.build(step), images) for step in (AUTOENCODER, linear))
    assert chosen.shape == free.shape == (8, 2048) and chosen.min() == 0
    assert free.min() < 0 and np.allclose(np.maximum(free, 0), chosen, atol=1e-5)


def latent(network: keras.Sequential, images: np.ndarray) -> np.ndarray:
    layer = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))
    return keras.Model(network.inputs, layer.output).predict(images, verbose=0)


def test_an_autoencoder_of_another_seed_starts_from_other_weights():
    one, other = (path.build(AUTOENCODER, seed=seed).get_weights()[0] for seed in (1, 2))
    assert not np.array_equal(one, other)
