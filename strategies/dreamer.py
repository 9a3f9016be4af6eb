"""A generator of inputs: a variational auto-encoder (Kingma & Welling 2014)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class Dreamer(nn.Module):
    """A variational auto-encoder of fully connected layers, as van de Ven & Tolias 2018 have it.

    The encoder's two hidden layers lead to mean μ and log variance log σ² of a normal latent code; from a draw
    z = μ + σ·ε of it the decoder, with two hidden layers again, gives every pixel the probability of being on.
    Trained with −log p(x|z) + KL(N(μ, σ²) ‖ N(0, 1)), divided by the number of pixels, it dreams from z ~ N(0, 1).

    Args:
        shape: of one input.
        hidden: units of each hidden layer.
        latent: numbers in a code.
    """

    def __init__(self, shape: tuple[int, ...], hidden: int, latent: int) -> None:
        super().__init__()
        pixels = math.prod(shape)
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent, bias=False)
        self.decode = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """Of each input [B, …] on [0, 1], with noise ε [B, latent]: [B]."""
        x = x.flatten(1)
        code = self.encoder(x)
        mean, log_variance = self.mean(code), self.log_variance(code)
        logits = self.decode(mean + (log_variance / 2).exp() * noise)
        wrong = binary_cross_entropy_with_logits(logits, x, reduction="none").mean(1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return wrong + divergence / x.shape[1]


def on_unit_scale(x: Tensor) -> Tensor:
    """Inputs as floats: bytes are brought to [0, 1], floats are there already."""
    return x.float() / 255 if x.dtype == torch.uint8 else x
