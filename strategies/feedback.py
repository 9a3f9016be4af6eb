"""Feedback connections that turn a network's hidden layers into a generator (van de Ven et al. 2020)."""

import math

import torch
from torch import Tensor, nn


class Feedback(nn.Module):
    """The decoder of a variational auto-encoder, its prior a mixture of normal distributions, one for each class.

    Two hidden layers lead from a code z to the logit of every pixel. Their units are gated: multiplied by what
    the context of each example leaves open.

    Args:
        shape: of one input.
        classes: modes of the prior.
        hidden: units of each hidden layer.
        latent: numbers in a code.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(latent, hidden), nn.Linear(hidden, hidden)])
        self.pixels = nn.Linear(hidden, math.prod(shape))
        # The authors draw where the modes begin, both their means and their log variances, from N(0, 1).
        self.means = nn.Parameter(torch.randn(classes, latent))
        self.log_variances = nn.Parameter(torch.randn(classes, latent))

    def decode(self, code: Tensor, gates: Tensor) -> Tensor:
        """Logits of pixels [B, pixels] for codes [B, latent] and gates [B, layers, hidden]."""
        for layer, linear in enumerate(self.hidden):
            code = torch.relu(linear(code)) * gates[:, layer]
        return self.pixels(code)

    def codes(self, classes: Tensor, noise: Tensor) -> Tensor:
        """Codes from the modes of classes [B], by standard normal numbers [B, latent]."""
        return self.means[classes] + (self.log_variances[classes] / 2).exp() * noise

    def log_prior(self, code: Tensor, beliefs: Tensor) -> Tensor:
        """log Σ_c p_c N(z; μ_c, σ_c²) of codes [B, latent], with probabilities p [B, classes]: [B]."""
        modes = log_normal(code[:, None], self.means, self.log_variances)
        return (modes + beliefs.log()).logsumexp(1)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; μ, σ²) over the last dimension, up to the constant that differences do without."""
    return -(log_variance + (z - mean).square() / log_variance.exp()).sum(-1) / 2
