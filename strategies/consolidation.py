"""Weights held where old tasks left them, each as firmly as it matters: what a family of strategies shares."""

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy


class Consolidation(Strategy):
    """Fine-tuning under the penalty ½ λ Σ_i Ω_i (θ_i − θ*_i)², of which a subclass says what Ω and θ* are.

    The penalty enters through its gradient, λ Ω_i (θ_i − θ*_i), which is all that training needs of it: the
    loss that is reported is that of the data.

    Args:
        network: what is trained.
        strength: λ.

    Attributes:
        importance: Ω, one number for each weight of the network.
        anchor: θ*, likewise.
    """

    importance: Tensor
    anchor: Tensor

    def __init__(self, network: Network, strength: float) -> None:
        super().__init__(network)
        self.strength = strength
        weights = self.weights()
        self.register_buffer("importance", torch.zeros_like(weights))
        self.register_buffer("anchor", weights.clone())

    def weights(self) -> Tensor:
        """All weights of the network in one vector."""
        return parameters_to_vector(self.network.parameters()).detach()

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        adjusted, first = dict(gradients), 0
        for name, weight in self.network.named_parameters(prefix="network"):
            part = slice(first, first := first + weight.numel())
            if name in gradients:
                importance, anchor = self.importance[part].view_as(weight), self.anchor[part].view_as(weight)
                adjusted[name] = gradients[name] + self.strength * importance * (weight - anchor)
        return adjusted
