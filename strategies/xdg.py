"""Context-dependent gating (Masse et al. 2018)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, register


@register("xdg")
class XdG(Strategy):
    """Context-dependent gating: each task works with its own random, fixed part of the hidden units.

    For each task a share X of the units of every hidden layer, drawn at random, is switched off: their
    activities are multiplied by 0 whenever the task is trained or asked, those of all others by 1 (Methods,
    "Context-dependent gating"). Two tasks with X = 0.8 then share a fifth of a fifth of the units of a layer, and
    a weight between two layers is changed for both in 0.16 % of all cases. Nothing protects what they share:
    the paper adds EWC or SI for that.

    Stored are the gates, one bit of meaning (a byte of memory) a unit and task. All are drawn when the first
    task begins, so that a task yet to come is asked through the gates it will have; before that, nothing is
    gated. Exactly ⌊X·n⌋ of n units are switched off, as in the code of van de Ven et al. 2022 (who choose X = 0.9
    for Split MNIST, 0.6 for Permuted MNIST, and gate fully connected layers alone: here channels are gated too).

    Args:
        network: what is trained; its gateable layers get the gates.
        share: X, the share of the units of each layer that a task does without.
    """

    paper = "Masse et al. 2018, arXiv 1802.01569"
    needs = frozenset({"task at test time", "task boundaries"})

    def __init__(self, network: Network, *, share: Annotated[float, Field(ge=0, lt=1)] = 0.8) -> None:
        super().__init__(network)
        self.share = share
        for layer, units in enumerate(network.gateable):
            self.register_buffer(f"open_{layer}", torch.ones(1, units, dtype=torch.bool))

    def start_task(self, task: Task) -> None:
        if task.index > 0:
            return
        for layer, units in enumerate(self.network.gateable):
            ranks = torch.rand(len(self.masks), units, generator=self.generator).argsort(1)
            setattr(self, f"open_{layer}", (ranks >= int(self.share * units)).to(self.masks.device))

    def gates(self, batch: Batch) -> list[Tensor]:
        """The gates of each layer for a batch's tasks, [1, units] or [B, units]."""
        known = [self.get_buffer(f"open_{layer}") for layer in range(len(self.network.gateable))]
        return [gates.index_select(0, batch.task.clamp(max=len(gates) - 1)) for gates in known]

    def forward(self, batch: Batch) -> Tensor:
        return batch.masked(self.network(batch.x, self.gates(batch)))
