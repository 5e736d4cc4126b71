"""The networks in PyTorch, as the authors have them (section 2.3 of the protocol), and tiny autoencoders."""

import torch
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


class TinyAutoencoder(nn.Module):
    """That of github.com/madebyollin/taesd, whose files its parts load: [batch, 3, 32, 32] in [0, 1]."""

    def __init__(self, latents: int, branch: bool):
        super().__init__()
        self.encoder = nn.Sequential(
            _conv(3), _Block(), *_smaller(), *_smaller(), *_smaller(branch), _conv(64, latents)
        )
        first = [_Tanh(), _conv(latents), nn.ReLU()]
        larger = [*_larger(branch), *_larger(), *_larger()]
        self.decoder = nn.Sequential(*first, *larger, _Block(), _conv(64, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(images)).clamp(0, 1)


def _conv(inputs: int, outputs: int = 64, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


def _smaller(branch: bool = False) -> list[nn.Module]:
    return [_conv(64, stride=2, bias=False), *(_Block(branch) for _ in range(3))]


def _larger(branch: bool = False) -> list[nn.Module]:
    return [*(_Block(branch) for _ in range(3)), nn.Upsample(scale_factor=2), _conv(64, bias=False)]


class _Tanh(nn.Module):
    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return 3 * torch.tanh(latents / 3)


class _Block(nn.Module):
    def __init__(self, branch: bool = False):
        super().__init__()
        self.conv = nn.Sequential(_conv(64), nn.ReLU(), _conv(64), nn.ReLU(), _conv(64))
        wide, narrow = nn.Conv2d(64, 256, 1, bias=False), nn.Conv2d(256, 64, 1, bias=False)
        self.pool = nn.Sequential(wide, nn.GroupNorm(4, 256), nn.ReLU(), narrow) if branch else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.pool:
            images = images + self.pool(images)
        return torch.relu(self.conv(images) + images)
