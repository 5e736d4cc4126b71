"""Fitting: the optimiser, repeatability, and where the work is done."""

import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import parity
import pytest
from test_models import FIXTURE

from cifake_keras import training
from cifake_keras.protocol import CONDITIONS, Hyperparameters
from cifake_keras.splits import ImageSet


def test_the_optimiser_equals_pytorchs():
    """Adam with L2 in the gradient, where gradients are large enough for the two libraries' epsilons not to matter."""
    weights, optimizer = keras.Variable(parity.start()), training.CoupledAdam(parity.LEARNING_RATE, parity.L2)
    for _ in range(parity.STEPS):
        optimizer.apply([weights.value - 1], [weights])
    assert np.abs(weights.numpy() - FIXTURE["optimised"]).max() < 1e-5


def image_set(count: int) -> ImageSet:
    """Bright fakes, dark photographs."""
    labels = np.arange(count) % 2
    pixels = np.random.default_rng(count).integers(0, 128, (count, 32, 32, 3)) + 100 * labels[:, None, None, None]
    examples = pd.DataFrame({"source": "x", "row": np.arange(count), "label": labels})
    return ImageSet(examples, {"x": pixels.astype(np.uint8)})


def train(learning_rate=1e-3, epochs=3):
    hyperparameters = Hyperparameters(learning_rate, 1e-4, epochs, batch_size=16)
    arguments = (CONDITIONS["baseline"], "bird_lotfi", None, hyperparameters, 0, "float32", "test")
    return training.train_classifier(image_set(160), image_set(40), *arguments)


def test_training_learns_and_repeats_to_the_bit():
    (network, history), (again, _) = train(), train()
    assert history["val_accuracy"].iloc[-1] > 0.95 and list(history["epoch"]) == [1, 2, 3]
    assert all(np.array_equal(*pair) for pair in zip(network.get_weights(), again.get_weights(), strict=True))


def test_a_loss_that_is_no_number_is_an_error():
    with pytest.raises(training.Diverged, match="the loss is"):
        train(learning_rate=1e30)


ON_A_SECOND_DEVICE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from cifake_keras import conditions, models, perturbations, protocol
with tf.device("CPU:1"):
    path = conditions.Path(protocol.CONDITIONS["perturbed_autoencoded"], models.bird_lotfi(), models.autoencoder())
batch = {"image": tf.zeros([2, 32, 32, 3], tf.uint8), "draws": perturbations.draw(2, 0)}

@tf.function
def step(batch):
    with tf.device("CPU:1"):
        return path(batch)

with tf.device("CPU:1"):
    print("logits on", path(batch).device)
graph = step.get_concrete_function(batch).graph
for name, kinds in {"perturbation": {"Einsum", "BatchMatMulV2"}, "autoencoder": {"Conv2D", "ResizeBilinear"}}.items():
    print(name, *{op.device for op in graph.get_operations() if op.type in kinds})
"""


def test_perturbation_and_autoencoder_run_where_the_model_does():
    done = subprocess.run([sys.executable, "-c", ON_A_SECOND_DEVICE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    devices = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(devices) == {"logits", "perturbation", "autoencoder"}
    assert all(device.endswith("device:CPU:1") for device in devices.values()), devices
