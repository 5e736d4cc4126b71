"""The networks in PyTorch, as the authors have them (section 2.3 of the protocol)."""

from torch import nn


def classifier() -> nn.Sequential:
    """Images [batch, 3, 32, 32] in [0, 1] to logits [batch, 1]."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=1, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(32, 32, 3, stride=1, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Flatten(),
        nn.Linear(32_768, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


def autoencoder() -> nn.Sequential:
    """Images and reconstructions are [batch, 3, 32, 32] in [-1, 1]."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4096, 2048),
        nn.ReLU(),
        nn.Linear(2048, 4096),
        nn.Unflatten(1, (64, 8, 8)),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(64, 32, 3, stride=1, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(32, 3, 3, stride=1, padding=1),
        nn.Tanh(),
    )
