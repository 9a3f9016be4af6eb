"""Riemannian walk (Chaudhry et al. 2018)."""

from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.consolidation import Consolidation
from strategies.networks.network import Network
from strategies.strategy import Batch, register

TINY = 1e-32
"""Keeps apart the ends of a range that is divided by."""


@register("rwalk")
class RWalk(Consolidation):
    """Riemannian walk: hold each weight as firmly as old tasks' answers hang on it, and as its movement has helped.

    The Fisher information of each weight is a running average over steps, F ← α g² + (1 − α) F (eq. 6), g being
    the gradient of the loss of a batch. Its score is how far its movement has lowered the loss, per distance in
    the space of answers: every Δt steps s_i grows by the positive part of −Σ g_i Δθ_i / (½ F_i (θ_i − θ'_i)² + ε)
    (eq. 7), the sum being over those steps and θ' the weights before them. At the end of a task the scores become
    the mean of earlier ones and the task's own, and the penalty λ Σ_i (F_i + s_i) (θ_i − θ*_i)² (eq. 8) has both
    scaled to [0, 1] over all weights. What is stored is F + s as scaled, θ*, F, both scores, θ', the weights
    before the step, and the sum of g_i Δθ_i.

    The authors' code differs (A-GEM repository): it adds up the squares of a task's gradients without end before
    averaging, has no ½, and adds the mean of the scores to the earlier ones. The paper also replays a few examples
    of old classes; with `rehearsal+rwalk` so does this.

    Args:
        network: what is trained.
        strength: λ.
        smoothing: α: how much the newest gradient counts in F.
        interval: Δt.
        damping: ε: bounds scores where a weight has hardly moved; the authors' value.
    """

    paper = "Chaudhry et al. 2018, arXiv 1801.10112"
    needs = frozenset({"task boundaries"})
    fisher: Tensor
    known: Tensor
    score: Tensor
    path: Tensor
    before: Tensor
    marked: Tensor
    steps: Tensor

    def __init__(
        self,
        network: Network,
        *,
        strength: NonNegativeFloat = 1.0,
        smoothing: Annotated[float, Field(gt=0, le=1)] = 0.9,
        interval: PositiveInt = 10,
        damping: PositiveFloat = 1e-3,
    ) -> None:
        super().__init__(network, strength)
        self.smoothing = smoothing
        self.interval = interval
        self.damping = damping
        for name in ("fisher", "known", "score", "path", "before", "marked"):
            self.register_buffer(name, torch.zeros_like(self.anchor))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def start_task(self, task: Task) -> None:
        self.score, self.path = torch.zeros_like(self.score), torch.zeros_like(self.path)
        self.before, self.marked = self.weights(), self.weights()
        self.steps = torch.zeros_like(self.steps)

    @torch.no_grad()
    def follow(self, gradients: dict[str, Tensor], batch: Batch) -> None:
        self.steps.add_(1)
        due = self.steps % self.interval == 0
        for name, weight, part in self.parts():
            theta, gradient = weight.flatten(), gradients[name].flatten()
            fisher, score, path, before, marked = (
                each[part] for each in (self.fisher, self.score, self.path, self.before, self.marked)
            )
            fisher.copy_(self.smoothing * gradient.square() + (1 - self.smoothing) * fisher)
            path.sub_(gradient * (theta - before))
            gained = path / (fisher * (theta - marked).square() / 2 + self.damping)
            score.add_(torch.where(due, gained.clamp(min=0), 0.0))
            path.copy_(torch.where(due, 0.0, path))
            marked.copy_(torch.where(due, theta, marked))
            before.copy_(theta)

    def end_task(self, task: Task) -> None:
        self.known = self.score.clone() if task.index == 0 else (self.known + self.score) / 2
        self.importance = scaled(self.fisher) + scaled(self.known)
        self.anchor = self.weights()


def scaled(values: Tensor) -> Tensor:
    """The values, moved and stretched to [0, 1]."""
    return (values - values.min()) / (values.max() - values.min() + TINY)
