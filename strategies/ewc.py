"""Elastic weight consolidation (Kirkpatrick et al. 2017)."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parameters_to_vector

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, register

CHUNK = 16
"""Examples whose gradients are held at once: more do not fit the processor's cache, and take longer."""


@register("ewc")
class EWC(Strategy):
    """Elastic weight consolidation: hold each weight where old tasks left it, as firmly as they need it.

    The loss of task t gains ½ λ Σ_k Σ_i F_k,i (θ_i − θ*_k,i)² over the earlier tasks k (eq. 3), F_k being
    the diagonal of the Fisher information at the end of task k, averaged over its examples. A sum of
    quadratics is a quadratic: ½ λ Σ_i A_i (θ_i − m_i)² plus a constant, with A = Σ_k F_k and
    m = Σ_k F_k θ*_k / A. That form is what is stored, so one anchor a task costs no more for a hundred
    tasks than for one, and the gradient is the same.

    Args:
        network: what is trained.
        strength: λ.
        fisher: "true": the expectation over the network's own predictions, which is the definition;
            "sampled": one label drawn from them for each example, which costs as much less as there are
            active classes, and is noisier the surer the network is; "empirical": the labels of the data.
        samples: how many training examples of a task the information is estimated from.
        anchors: "separate": one anchor a task, as above; "online": the last weights alone, with the
            information of earlier tasks decayed (Schwarz et al. 2018: F ← γ F + F_t).
        decay: γ, with anchors="online".
    """

    needs = frozenset({"task boundaries"})
    information: Tensor
    anchor: Tensor
    constant: Tensor

    def __init__(
        self,
        network: Network,
        *,
        strength: NonNegativeFloat = 100.0,
        fisher: Literal["true", "sampled", "empirical"] = "true",
        samples: PositiveInt = 512,
        anchors: Literal["separate", "online"] = "separate",
        decay: Annotated[float, Field(ge=0, le=1)] = 0.9,
    ) -> None:
        super().__init__(network)
        self.strength = strength
        self.fisher = fisher
        self.samples = samples
        self.anchors = anchors
        self.decay = decay
        weights = self.weights().detach()
        self.register_buffer("information", torch.zeros_like(weights))
        self.register_buffer("anchor", weights.clone())
        self.register_buffer("constant", torch.zeros(()))

    def weights(self) -> Tensor:
        """All trained weights of the network in one vector."""
        return parameters_to_vector(self.network.parameters())

    def loss(self, batch: Batch) -> Tensor:
        moved = self.weights() - self.anchor
        return super().loss(batch) + 0.5 * self.strength * ((self.information * moved.square()).sum() + self.constant)

    def end_task(self, task: Task) -> None:
        weights, new = self.weights().detach(), self.estimate(task)
        if self.anchors == "online":
            self.information = self.decay * self.information + new
            self.anchor = weights
            return
        total = self.information + new
        share = torch.where(total > 0, new / total, 1.0)
        step = weights - self.anchor
        self.constant += (self.information * share).dot(step.square())
        self.anchor = self.anchor + share * step
        self.information = total

    @torch.no_grad()
    def estimate(self, task: Task) -> Tensor:
        """The diagonal of the Fisher information on a task's training examples, averaged over them."""
        chosen = torch.randperm(len(task.training), generator=self.generator)[: self.samples]
        parameters: dict[str, Tensor] = dict(self.network.named_parameters(prefix="network"))
        training, device = self.training, self.anchor.device

        def log_likelihood(parameters: dict[str, Tensor], x: Tensor, label: Tensor, at: Tensor) -> Tensor:
            logits = functional_call(self, parameters, (self.batch(x[None], label[None], at),))
            return logits.log_softmax(1)[0].gather(0, label[None]).sum()

        gradients = vmap(grad(log_likelihood), in_dims=(None, 0, 0, None))
        information = torch.zeros_like(self.anchor)
        self.eval()
        for x, y, at in task.training.batches(chosen, CHUNK):
            x, y, at = x.to(device), y.to(device), at.to(device)
            for labels, weight in self.labels(self.batch(x, y, at)):
                each = gradients(parameters, x, labels, at)
                information += weight @ torch.cat([each[name].flatten(1) for name in parameters], 1).square()
        self.train(training)
        return information / len(chosen)

    def labels(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Labels [B] to take gradients for, and the weight [B] of each, as the kind of information asks."""
        if self.fisher == "empirical":
            return [(batch.y, torch.ones(len(batch.y), device=batch.y.device))]
        likelihoods = self(batch).softmax(1)
        if self.fisher == "sampled":
            drawn = torch.multinomial(likelihoods.cpu(), 1, generator=self.generator).squeeze(1)
            return [(drawn.to(batch.y.device), torch.ones(len(batch.y), device=batch.y.device))]
        active = batch.active.any(0).nonzero().squeeze(1)
        return [(label.expand(len(batch.y)), likelihoods[:, label]) for label in active]
