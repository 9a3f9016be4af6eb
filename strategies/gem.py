"""Gradient episodic memory (Lopez-Paz & Ranzato 2017)."""

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from strategies.episodic import Episodic
from strategies.networks.network import Network
from strategies.strategy import Batch, Work, register

RIDGE = 1e-3
"""Added to the diagonal of G Gᵀ, so that the programme has one solution (authors' code: eps)."""


@register("gem")
class GEM(Episodic):
    """GEM: no step may raise the loss on the memory of any earlier task.

    With g the gradient on the batch and the rows of G those on the memories of the earlier tasks, the step goes
    along the nearest g̃ to g for which G g̃ ≥ 0 (eq. 8). That is g̃ = Gᵀ v + g, where v solves the dual
    programme, of one number for each earlier task (eq. 11):

        minimise ½ vᵀ G Gᵀ v + (G g)ᵀ v    subject to v ≥ margin

    The paper has v ≥ 0 and then adds the margin to v; we do as the authors' code, which bounds v by it. Nothing
    is changed while G g ≥ 0. Each memory is sent through the network in every step, so a step costs as much as
    all memories are large.

    A memory is the first `memory` examples of a task's stream, which comes in random order; the authors keep
    the last ones.

    Args:
        network: what is trained.
        memory: how many examples are kept of each task.
        margin: how far a step that is bent is bent towards earlier tasks as well (γ, "memory strength").
    """

    paper = "Lopez-Paz & Ranzato 2017, arXiv 1706.08840"
    alone = "each of its steps solves a quadratic programme outside torch"

    def __init__(self, network: Network, *, memory: NonNegativeInt = 256, margin: NonNegativeFloat = 0.5) -> None:
        super().__init__(network, memory)
        self.margin = margin

    @torch.no_grad()
    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        if len(self.past) == 0:
            return gradients
        sizes = self.past.task.unique_consecutive(return_counts=True)[1].tolist()
        memories = zip(*(part.split(sizes) for part in (self.past.x, self.past.y, self.past.task)), strict=True)
        references = [self.gradients_on(batch._replace(x=x, y=y, task=task), gradients) for x, y, task in memories]
        g, rows = flat(gradients), torch.stack([flat(each) for each in references])
        products = rows @ g
        if bool((products >= 0).all()):
            return gradients
        v = multipliers((rows @ rows.T).double().cpu().numpy(), products.double().cpu().numpy(), self.margin)
        bent = g + torch.from_numpy(v).to(rows) @ rows
        parts = bent.split([gradient.numel() for gradient in gradients.values()])
        return {name: part.view_as(gradients[name]) for name, part in zip(gradients, parts, strict=True)}

    def step_work(self, batch: Batch) -> Work:
        examples = len(batch.y) + len(self.past)
        return Work(examples, examples)


def flat(gradients: dict[str, Tensor]) -> Tensor:
    """Gradients in one vector."""
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


def multipliers(gram: np.ndarray, products: np.ndarray, margin: float) -> np.ndarray:
    """The v ≥ margin that minimises ½ vᵀ P v + qᵀ v, P being `gram` with the ridge and q `products`.

    With v = u + margin and P = L Lᵀ that is non-negative least squares: ‖Lᵀ u + L⁻¹ (q + P margin)‖ over u ≥ 0.
    """
    ridged = gram + RIDGE * np.eye(len(gram))
    lower = np.linalg.cholesky(ridged)
    shifted = products + ridged @ np.full(len(gram), margin)
    u, _ = nnls(lower.T, -solve_triangular(lower, shifted, lower=True))
    return u + margin
