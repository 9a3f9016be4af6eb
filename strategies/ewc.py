"""Elastic weight consolidation (Kirkpatrick et al. 2017)."""

from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.consolidation import Consolidation
from strategies.gradients import averaged_powers
from strategies.networks.network import Network
from strategies.strategy import Batch, register


@register("ewc")
class EWC(Consolidation):
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
            active classes, and is noisier the surer the network is; "empirical": the labels of the data;
            "weighted": those, each weighted by its likelihood (what Mammoth does).
        samples: how many training examples of a task the information is estimated from. Where a network is sure of
            nearly all, the few others carry it, and estimates from a thousand examples differ several times over.
    """

    paper = "Kirkpatrick et al. 2017, arXiv 1612.00796"
    needs = frozenset({"task boundaries"})
    factor: ClassVar[float] = 0.5

    def __init__(
        self,
        network: Network,
        *,
        strength: NonNegativeFloat = 100.0,
        fisher: Literal["true", "sampled", "empirical", "weighted"] = "true",
        samples: PositiveInt = 512,
    ) -> None:
        super().__init__(network, strength)
        self.fisher = fisher
        self.samples = samples

    def end_task(self, task: Task) -> None:
        information = self.estimate(task)
        self.importance = self.importance + information
        share = torch.where(self.importance > 0, information / self.importance, 1.0)
        self.anchor = self.anchor + share * (self.weights() - self.anchor)

    def estimate(self, task: Task) -> Tensor:
        """The diagonal of the Fisher information on a task's training examples, averaged over them."""
        return averaged_powers(self, task, self.samples, log_likelihood, self.labels, power=2)

    @torch.no_grad()
    def labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Labels [K, B] to take gradients for, and the weight [K, B] of each, as the kind of information asks."""
        if self.fisher == "empirical":
            return batch.y[None], torch.ones_like(batch.y, dtype=torch.float32)[None]
        likelihoods = self(batch).softmax(1)
        if self.fisher == "weighted":
            return batch.y[None], likelihoods.gather(1, batch.y[:, None]).T
        if self.fisher == "sampled":
            drawn = torch.multinomial(likelihoods.cpu(), 1, generator=self.generator).T.to(batch.y.device)
            return drawn, torch.ones_like(drawn, dtype=torch.float32)
        active = batch.active.any(0).nonzero()
        return active.expand(-1, len(batch.y)), likelihoods.T[active.squeeze(1)]


def log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Of labels [B] under logits [B, classes], [B]."""
    return logits.log_softmax(1).gather(1, labels[:, None]).squeeze(1)
