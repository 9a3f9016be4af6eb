"""Weights held where old tasks left them, each as firmly as it matters: what a family of strategies shares."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy


class Consolidation(Strategy):
    """Fine-tuning under the penalty κ λ Σ_i Ω_i (θ_i − θ*_i)², of which a subclass says what Ω and θ* are.

    The penalty enters through its gradient, 2 κ λ Ω_i (θ_i − θ*_i), which is all that training needs of it: the
    loss that is reported is that of the data.

    Args:
        network: what is trained.
        strength: λ.

    Attributes:
        factor: κ: ½ in the papers that begin with a posterior, 1 in the others.
        importance: Ω, one number for each weight of the network, or one for all.
        anchor: θ*, one number for each weight.
    """

    factor: ClassVar[float] = 1.0
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

    def parts(self) -> Iterator[tuple[str, Tensor, slice]]:
        """Each parameter of the network: its name, itself, and where it lies in that vector."""
        first = 0
        for name, weight in self.network.named_parameters(prefix="network"):
            yield name, weight, slice(first, first := first + weight.numel())

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        adjusted, everyones = dict(gradients), self.importance.expand_as(self.anchor)
        for name, weight, part in self.parts():
            if name in gradients:
                importance, anchor = everyones[part].view_as(weight), self.anchor[part].view_as(weight)
                adjusted[name] = gradients[name] + 2 * self.factor * self.strength * importance * (weight - anchor)
        return adjusted
