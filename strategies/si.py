"""Synaptic intelligence (Zenke et al. 2017)."""

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from scenarios.task import Task
from strategies.consolidation import Consolidation
from strategies.networks.network import Network
from strategies.strategy import Batch, register


@register("si")
class SI(Consolidation):
    """Synaptic intelligence: hold each weight as firmly as its movement has lowered the losses of old tasks.

    Along the path of task ν each weight gathers ω_i = −Σ g_i Δθ_i (eq. 3), with the gradient g of the loss before
    a step and the change Δθ that the step made. At the end of the task Ω_i grows by ω_i / (Δ_i² + ξ) (eq. 5), Δ_i
    being how far the task moved the weight in all, and the penalty is c Σ_i Ω_i (θ_i − θ*_i)² (eq. 4), with the
    weights θ* at the end of the last task. What is stored is Ω, θ*, ω, and the weights before the step.

    g is the gradient of the loss of the data, without the penalty: eq. 3 and the authors' code say so (and
    Mammoth's; van de Ven's takes the gradient of both). The authors' code also keeps Ω from becoming negative,
    which the paper does not mention: a step against the gradient would otherwise push a weight away from θ*.

    Args:
        network: what is trained.
        strength: c.
        damping: ξ: bounds Ω where a weight has hardly moved.
    """

    paper = "Zenke et al. 2017, arXiv 1703.04200"
    needs = frozenset({"task boundaries"})
    path: Tensor
    before: Tensor

    def __init__(self, network: Network, *, strength: NonNegativeFloat = 1.0, damping: PositiveFloat = 0.1) -> None:
        super().__init__(network, strength)
        self.damping = damping
        self.register_buffer("path", torch.zeros_like(self.anchor))
        self.register_buffer("before", self.anchor.clone())

    def start_task(self, task: Task) -> None:
        self.path = torch.zeros_like(self.path)
        self.before = self.weights()

    @torch.no_grad()
    def follow(self, gradients: dict[str, Tensor], batch: Batch) -> None:
        for name, weight, part in self.parts():
            path, before = self.path[part].view_as(weight), self.before[part].view_as(weight)
            path.sub_(gradients[name] * (weight - before))
            before.copy_(weight)

    def end_task(self, task: Task) -> None:
        weights = self.weights()
        importance = self.importance + self.path / ((weights - self.anchor).square() + self.damping)
        self.importance = importance.clamp(min=0)
        self.anchor = weights
