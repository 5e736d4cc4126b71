"""PyTorch's side of scripts/bench.py: the study as a script of its authors would run it, and at its best.

As the authors wrote it: float32, default memory layout, images perturbed one by one as torchvision's transforms do it.
At its best: channels_last, images perturbed by the batch, bfloat16 autocast where the processor computes in it (where
it does not, that is ten times slower than float32). Both have their images in memory, as tensors.
"""

import contextlib
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from pytorch_networks import autoencoder, classifier
from torch import nn
from torch.nn import functional

BATCH = 128


def start(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)


@dataclass(frozen=True)
class Side:
    """How PyTorch is used. best: at its best, else as the authors do. bfloat16: with autocast. compiled: a step is."""

    best: bool = False
    bfloat16: bool = False
    compiled: bool = False

    def network(self, build) -> nn.Module:
        network = build()
        return network.to(memory_format=torch.channels_last) if self.best else network

    def images(self, pixels: np.ndarray) -> torch.Tensor:
        """uint8 [n, 32, 32, 3] to float32 [n, 3, 32, 32] in [0, 1]."""
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        return images.contiguous(memory_format=torch.channels_last if self.best else torch.contiguous_format)

    def computing(self):
        return torch.autocast("cpu", torch.bfloat16) if self.bfloat16 else contextlib.nullcontext()

    def ready(self, step):
        return torch.compile(step) if self.compiled else step

    def perturb(self, images: torch.Tensor) -> torch.Tensor:
        return _perturb_batch(images) if self.best else torch.stack([_perturb_image(image) for image in images])


def _draw(count: int) -> tuple[torch.Tensor, ...]:
    """Of each image: top, left, height and width of its crop, and brightness (section 2.2 of the protocol)."""
    ratio = torch.exp((torch.rand(count) - 0.5) * 2 * math.log(4 / 3))
    side = 32 * math.sqrt(0.9)
    width, height = ((side * stretch).round().clamp(max=32) for stretch in (ratio.sqrt(), 1 / ratio.sqrt()))
    top, left = ((torch.rand(count) * (33 - length)).floor() for length in (height, width))
    return top, left, height, width, 0.5 + torch.rand(count)


def _gaussian() -> torch.Tensor:
    taps = torch.exp(-0.5 * torch.arange(-2.0, 3.0) ** 2)
    return taps / taps.sum()


def _perturb_image(image: torch.Tensor) -> torch.Tensor:
    """The calls that torchvision's RandomResizedCrop, GaussianBlur and ColorJitter make of a tensor [3, 32, 32]."""
    if torch.rand(()) >= 0.8:
        return image
    top, left, height, width, brightness = (value.item() for value in _draw(1))
    crop = image[:, int(top) : int(top + height), int(left) : int(left + width)][None]
    resized = functional.interpolate(crop, (32, 32), mode="bilinear", antialias=True)
    kernel = torch.outer(_gaussian(), _gaussian()).expand(3, 1, 5, 5)
    blurred = functional.conv2d(functional.pad(resized, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    return (brightness * blurred[0]).clamp(0, 1)


def _perturb_batch(images: torch.Tensor) -> torch.Tensor:
    """The same as two matrix products a batch."""
    top, left, height, width, brightness = _draw(len(images))
    pixels, taps = torch.arange(32.0), functional.pad(torch.eye(32)[None], (0, 0, 2, 2), mode="reflect")[0]
    blur = sum(weight * taps[i : i + 32] for i, weight in enumerate(_gaussian()))

    def matrix(first, length):
        centres = first[:, None] + (pixels + 0.5) * length[:, None] / 32 - 0.5
        centres = torch.minimum(torch.maximum(centres, first[:, None]), (first + length - 1)[:, None])
        return blur @ (1 - (centres[:, :, None] - pixels).abs()).clamp(min=0)

    perturbed = matrix(top, height)[:, None] @ images @ matrix(left, width)[:, None].transpose(2, 3)
    perturbed = (perturbed * brightness[:, None, None, None]).clamp(0, 1)
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.8, perturbed, images)


def train_classifier(side: Side, condition, coder, images, labels, learning_rate, l2, epochs):
    """The trained classifier and the seconds of each epoch."""
    network = side.network(classifier)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, weight_decay=l2)

    def step(batch, targets):
        with side.computing():
            loss = functional.binary_cross_entropy_with_logits(network(batch), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step = side.ready(step)

    def learn(order):
        step(path(side, condition, coder, images[order]), labels[order])

    return network, _epochs(learn, len(images), epochs)


def train_autoencoder(side: Side, images, epochs, learning_rate=1e-3, l2=1e-4, batch_size=BATCH):
    """The trained autoencoder and the seconds of each epoch."""
    network = side.network(autoencoder)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, weight_decay=l2)

    def learn(order):
        batch = 2 * side.perturb(images[order]) - 1
        with side.computing():
            loss = functional.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return network, _epochs(learn, len(images), epochs, batch_size)


def _epochs(learn, count: int, epochs: int, batch_size: int = BATCH) -> list[float]:
    seconds = []
    for _ in range(epochs):
        started = time.monotonic()
        for order in torch.randperm(count).split(batch_size):
            learn(order)
        seconds.append(time.monotonic() - started)
    return seconds


def path(side: Side, condition, coder, images):
    """What a classifier of `condition` sees of images in [0, 1]."""
    for step in condition.steps:
        images = STEPS[step.name](side, coder, images)
    return images


def _reconstruct(side: Side, coder, images):
    with torch.no_grad(), side.computing():
        return coder(2 * images - 1)


STEPS = {"perturbation": lambda side, coder, images: side.perturb(images), "autoencoder": _reconstruct}


def probabilities(side: Side, condition, coder, network, images) -> np.ndarray:
    """probability_fake, float32 [n]."""
    with torch.no_grad(), side.computing():
        logits = [network(path(side, condition, coder, batch)) for batch in images.split(500)]
    return torch.sigmoid(torch.cat(logits).float())[:, 0].numpy()


def training_speed(side: Side, condition, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Images a second, after a warm-up."""
    images, labels = side.images(pixels), torch.from_numpy(labels).float()[:, None]
    coder = side.network(autoencoder)
    train_classifier(side, condition, coder, images[: 4 * BATCH], labels, 1e-3, 1e-4, 1)
    return len(images) / train_classifier(side, condition, coder, images, labels, 1e-3, 1e-4, 1)[1][0]


def autoencoder_speed(side: Side, pixels: np.ndarray) -> float:
    images = side.images(pixels)
    train_autoencoder(side, images[: 4 * BATCH], 1)
    return len(images) / train_autoencoder(side, images, 1)[1][0]


def prediction_speed(side: Side, condition, pixels: np.ndarray) -> float:
    images, networks = side.images(pixels), (side.network(autoencoder), side.network(classifier))
    probabilities(side, condition, *networks, images[:500])
    started = time.monotonic()
    probabilities(side, condition, *networks, images)
    return len(images) / (time.monotonic() - started)


def grid_seconds(study) -> float:
    """The wall-clock time of a phase: its autoencoder, the sweep of each condition and the cell that it chooses.

    study: pixels and labels of training, validation and test images, the conditions and their candidates.
    """
    started = time.monotonic()
    side = Side()
    images = {name: side.images(pixels) for name, (pixels, _) in study["sets"].items()}
    labels = torch.from_numpy(study["sets"]["train"][1]).float()[:, None]
    of_coder = study["autoencoder"]
    coder, _ = train_autoencoder(side, images["train"], of_coder.epochs, batch_size=of_coder.batch_size)

    def trained(condition, candidate):
        rates = candidate.learning_rate, candidate.l2, candidate.epochs
        return train_classifier(side, condition, coder, images["train"], labels, *rates)[0]

    def accuracy(condition, network, name):
        scores = probabilities(side, condition, coder, network, images[name])
        return ((scores >= 0.5) == study["sets"][name][1]).mean()

    for condition, candidates in study["sweeps"]:
        accuracies = [accuracy(condition, trained(condition, candidate), "validation") for candidate in candidates]
        network = trained(condition, candidates[int(np.argmax(accuracies))])
        for name in images:
            accuracy(condition, network, name)
    return time.monotonic() - started
