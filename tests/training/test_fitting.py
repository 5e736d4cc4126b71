"""Fitting: the optimiser, repeatability, and where the work is done."""

import gc
import subprocess
import sys
import types
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import parity
import pytest
import tensorflow as tf
from learning import FIXTURE, candidate, image_set, paper, stopping
from tensorflow.python.framework.func_graph import FuncGraph

from cifake_keras import models
from cifake_keras.conditions import path
from cifake_keras.protocol import AUTOENCODER, CONDITIONS, Condition, Hyperparameters, Step
from cifake_keras.records import cells
from cifake_keras.runtime.interruption import Interrupted
from cifake_keras.splits.composition import ImageSet
from cifake_keras.training import classifiers, reconstruction
from cifake_keras.training.fitting import Session, diverged
from cifake_keras.training.forward import forward
from cifake_keras.training.optimizer import CoupledAdam, build_optimizer


def test_the_optimiser_equals_pytorchs():
    """Adam with L2 in the gradient, where gradients are large enough for the two libraries' epsilons not to matter."""
    weights, optimizer = keras.Variable(parity.start()), CoupledAdam(parity.LEARNING_RATE, parity.L2)
    for _ in range(parity.STEPS):
        optimizer.apply([weights.value - 1], [weights])
    assert np.abs(weights.numpy() - FIXTURE["optimised"]).max() < 1e-5


@pytest.mark.parametrize("apply", [keras.Sequential.__call__, forward])
def test_optimiser_matches_pytorch(apply):
    """On the paper's classifier, many of whose gradients are so small that the place of epsilon matters."""
    network, optimizer = paper(), CoupledAdam(1e-3, 5e-4)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = cross_entropy(parity.LABELS, apply(network, parity.images()))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        losses.append(float(loss))
    assert np.abs(np.array(losses) - FIXTURE["losses"]).max() < 1e-5


def test_the_cosine_schedule_rises_to_the_learning_rate_and_falls_to_zero():
    optimizer = build_optimizer(Hyperparameters(2e-3, 0.0, epochs=4, schedule="cosine"), steps=50)
    rates = [float(optimizer._learning_rate(step)) for step in range(201)]
    assert rates[0] == 0 and max(rates) == pytest.approx(2e-3) and rates[-1] == pytest.approx(0, abs=1e-8)
    assert rates.index(max(rates)) == 30 and rates == sorted(rates[:30]) + sorted(rates[30:], reverse=True)


def train(*candidates, condition="baseline", networks=None, images=160):
    arguments = (CONDITIONS[condition], "bird_lotfi", networks or {}, candidates, 0, Session("test", "float32"))
    return classifiers.train(image_set(images), image_set(40), *arguments)


def test_classifiers_start_from_the_weights_that_are_given():
    start = models.build("bird_lotfi", seed=5)
    arguments = CONDITIONS["baseline"], "bird_lotfi", {}, [candidate(1e-30)], 0, Session("test", "float32"), start
    ((network, _),) = classifiers.train(image_set(16), image_set(16), *arguments)
    for found, given in zip(network.get_weights(), start.get_weights(), strict=True):
        assert np.array_equal(found, given)


def test_training_learns_and_repeats_to_the_bit():
    ((network, history),), ((again, _),) = train(candidate()), train(candidate())
    assert history["val_accuracy"].iloc[-1] > 0.95 and list(history["epoch"]) == [1, 2, 3]
    assert all(np.array_equal(*pair) for pair in zip(network.get_weights(), again.get_weights(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["baseline", "perturbed_autoencoded"])
def test_side_by_side_equals_each_candidate_alone(condition):
    candidates = candidate(), candidate(2.5e-3, 1e-2)
    options = {"condition": condition, "networks": {"autoencoder": path.build(AUTOENCODER, seed=1)}, "images": 64}
    together = train(*candidates, **options)
    for alone, (network, history) in zip(candidates, together, strict=True):
        ((expected, expected_history),) = train(alone, **options)
        for pair in zip(network.get_weights(), expected.get_weights(), strict=True):
            assert np.allclose(*pair, rtol=1e-5, atol=1e-6)
        columns = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
        assert np.allclose(history[columns], expected_history[columns], atol=1e-5)
    first, second = (network.get_weights()[0] for network, _ in together)
    assert not np.allclose(first, second, atol=1e-3), "the candidates must differ for this to say anything"


@pytest.mark.slow
def test_a_training_that_is_over_leaves_no_graph_and_so_no_weights_in_memory():
    train(candidate(), condition="perturbed_autoencoded", networks={"autoencoder": path.build(AUTOENCODER)})
    gc.collect()
    graphs = [each for each in gc.get_objects() if isinstance(each, FuncGraph) and each.name == "one_step_on_data"]
    assert not graphs


@pytest.mark.slow
def test_a_candidate_that_diverges_leaves_the_others_alone():
    (_, lost), (_, well) = train(candidate(1e30), candidate())
    assert diverged(lost) and not diverged(well)
    assert well["val_accuracy"].iloc[-1] > 0.95


@pytest.mark.slow
def test_training_stops_when_every_loss_is_no_number():
    ((_, history),) = train(candidate(1e30))
    assert diverged(history) and len(history) < 3


def fit(learner: str, images: ImageSet, folder):
    """The weights and histories of two classifiers, or of the autoencoder, in batches of 16 images."""
    session, validation = Session("test", "float32", folder), image_set(40)
    if learner == "autoencoder":
        hyperparameters = replace(candidate(), epochs=2)
        step = AUTOENCODER.fitted_with(hyperparameters).seeded(0)
        fitted = [reconstruction.train(step, {}, images, validation, session)]
    else:
        candidates = [replace(candidate(rate), schedule="cosine") for rate in (1e-3, 2e-3)]
        arguments = (CONDITIONS["perturbed"], "bird_lotfi", {}, candidates, 0, session)
        fitted = classifiers.train(images, validation, *arguments)
    weights = [array for network, _ in fitted for array in network.get_weights()]
    return weights, pd.concat([history.drop(columns="seconds") for _, history in fitted])


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["classifiers", "autoencoder"])
@pytest.mark.parametrize(
    ("images", "stops"),
    [pytest.param(64, (2, 4), id="within an epoch"), pytest.param(16, (1, 1), id="in the last step of an epoch")],
)
def test_a_training_that_is_stopped_goes_on_as_if_it_had_not_been(images, stops, learner, tmp_path):
    weights, history = fit(learner, image_set(images), tmp_path / "undisturbed")
    for readings in stops:  # in the first epoch, and in the second
        with pytest.raises(Interrupted) as interrupted:
            fit(learner, stopping(image_set(images), readings), tmp_path / "stopped")
        assert interrupted.value.status == 143 and (tmp_path / "stopped" / cells.CHECKPOINT).exists()
    resumed, resumed_history = fit(learner, image_set(images), tmp_path / "stopped")
    assert all(np.array_equal(*pair) for pair in zip(weights, resumed, strict=True))
    assert resumed_history.equals(history)


ON_A_SECOND_DEVICE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from functools import partial
from cifake_keras import models, protocol
from cifake_keras.conditions.path import batch_walk, build
from cifake_keras.splits.draws import draw
from cifake_keras.training import replicas
from cifake_keras.training.classifiers import SideBySide
from cifake_keras.training.optimizer import CoupledAdam
with tf.device("CPU:1"):
    network = models.build("bird_lotfi")
    condition, adam = protocol.CONDITIONS["perturbed_autoencoded"], CoupledAdam(1e-3, 0.0)
    networks = {"autoencoder": build(protocol.AUTOENCODER)}
    see = partial(batch_walk, steps=condition.steps, networks=networks, end=condition.range)
    path = SideBySide(see, see, [network], [adam], replicas.strategy("none"))
batch = {"image": tf.zeros([2, 32, 32, 3], tf.uint8), "draws": draw(condition.steps, 2, 0, 0)}, tf.zeros([2, 1])

@tf.function
def step(batch):
    with tf.device("CPU:1"):
        return path.train_step(batch)

with tf.device("CPU:1"):
    print("loss on", step(batch)["loss"].device)
graph = step.get_concrete_function(batch).graph
for name, kinds in {"perturbation": {"Einsum", "BatchMatMulV2"}, "autoencoder": {"Conv2D", "ResizeBilinear"}}.items():
    print(name, *{op.device for op in graph.get_operations() if op.type in kinds})
"""


@pytest.mark.slow
def test_perturbation_and_autoencoder_run_where_the_model_does():
    done = subprocess.run([sys.executable, "-c", ON_A_SECOND_DEVICE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    devices = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(devices) == {"loss", "perturbation", "autoencoder"}
    assert all(device.endswith("device:CPU:1") for device in devices.values()), devices


def test_validation_images_take_no_step_that_is_for_training_images_alone(monkeypatch):
    """Training images are turned to black; where the others were too, a classifier could tell nothing of them."""
    black = Step("black", "black", draws=1, stream=1, training_only=True)
    monkeypatch.setitem(sys.modules, "cifake_keras.conditions.black", BLACK)
    condition = Condition("blackened", "Blackened", (black,), ())
    session = Session("test", "float32")
    ((network, history),) = classifiers.train(
        image_set(160), image_set(40), condition, "bird_lotfi", {}, [candidate()], 0, session
    )
    labels = image_set(40).labels[:, None].astype(np.float32)
    pixels = image_set(40).images(np.arange(40)).astype(np.float32) / 255
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    assert history["val_loss"].iloc[-1] == pytest.approx(float(cross_entropy(labels, network(pixels))), abs=1e-5)
    assert history["val_loss"].iloc[-1] != pytest.approx(float(cross_entropy(labels, network(0 * pixels))), abs=1e-5)


BLACK = types.SimpleNamespace(apply=lambda images, draws, network, settings: 0 * images)
