"""Makes tests/parity.npz: what PyTorch answers with the weights and images of tests/parity.py.

Needs PyTorch (`pip install '.[bench]'`); the tests do not. Run it from the top level:

    PYTHONPATH=tests python scripts/make_parity.py
"""

import numpy as np
import parity
import torch
from pytorch_networks import TinyAutoencoder, autoencoder, classifier
from torch import nn


def with_weights(network: nn.Module, weights: list[np.ndarray]) -> nn.Module:
    with torch.no_grad():
        for parameter, weight in zip(network.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    return network


def optimised() -> np.ndarray:
    """Weights after a few steps of Adam, with L2 in the gradient, towards 1."""
    weights = torch.from_numpy(parity.start()).requires_grad_()
    optimizer = torch.optim.Adam([weights], parity.LEARNING_RATE, weight_decay=parity.L2)
    for _ in range(parity.STEPS):
        weights.grad = (weights - 1).detach()
        optimizer.step()
    return weights.detach().numpy()


def losses() -> np.ndarray:
    """The classifier's loss before each of three steps of Adam at the authors' settings."""
    network = with_weights(classifier(), parity.parameters(parity.CLASSIFIER, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=5e-4)
    images, labels = torch.from_numpy(parity.images()).permute(0, 3, 1, 2), torch.from_numpy(parity.LABELS)
    values = []
    for _ in range(3):
        loss = nn.functional.binary_cross_entropy_with_logits(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return np.array(values, np.float32)


def tiny(latents: int, branch: bool) -> np.ndarray:
    """What a tiny autoencoder with the weights of tests/parity.py makes of the images."""
    network = TinyAutoencoder(latents, branch)
    tensors = {name: torch.from_numpy(of) for name, of in parity.tiny_autoencoder(latents, branch).items()}
    network.load_state_dict(tensors)
    with torch.no_grad():
        return network(torch.from_numpy(parity.images()[:2]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()


def main() -> None:
    images = torch.from_numpy(parity.images()).permute(0, 3, 1, 2)
    network = with_weights(classifier(), parity.parameters(parity.CLASSIFIER, 1))
    coder = with_weights(autoencoder(), parity.parameters(parity.AUTOENCODER, 2, parity.TRANSPOSED))
    with torch.no_grad():
        logits = network(images).numpy()
        reconstructions = coder(2 * images - 1).permute(0, 2, 3, 1).numpy()
    training = {"optimised": optimised(), "losses": losses()}
    of_tiny = {f"tiny-{latents}": tiny(latents, branch) for latents, branch in parity.TINY}
    np.savez_compressed(parity.FIXTURE, logits=logits, reconstructions=reconstructions, **training, **of_tiny)


if __name__ == "__main__":
    main()
