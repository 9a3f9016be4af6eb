"""Memory aware synapses (Aljundi et al. 2018)."""

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.consolidation import Consolidation
from strategies.gradients import averaged_powers
from strategies.networks.network import Network
from strategies.strategy import Batch, register


@register("mas")
class MAS(Consolidation):
    """Memory aware synapses: hold each weight as firmly as what the network says depends on it.

    After each task Ω_i grows by (1/N) Σ_k |∂ ‖f(x_k)‖² / ∂θ_i| over N of its training inputs (eq. 3, and sec. 4.1
    for the squared norm of the outputs), f being the logits of the active classes; no label is looked at. The
    penalty is λ Σ_i Ω_i (θ_i − θ*_i)² (eq. 4), with the weights θ* at the end of the last task. What is stored is
    Ω and θ*.

    Magnitudes are those of single examples. Avalanche and Hsu et al. take those of batches, whose examples partly
    cancel, and divide otherwise (Avalanche averages old and new Ω; Hsu et al. average over outputs).

    Args:
        network: what is trained.
        strength: λ; the paper's 1 is too much for the rates of plain SGD that train from scratch (2 λ Ω η < 2), and
            the default is that of Chaudhry et al. 2019.
        samples: how many training examples of a task the importance is estimated from.
    """

    paper = "Aljundi et al. 2018, arXiv 1711.09601"
    needs = frozenset({"task boundaries"})

    def __init__(self, network: Network, *, strength: NonNegativeFloat = 0.1, samples: PositiveInt = 512) -> None:
        super().__init__(network, strength)
        self.samples = samples

    def end_task(self, task: Task) -> None:
        self.importance = self.importance + self.estimate(task)
        self.anchor = self.weights()

    def estimate(self, task: Task) -> Tensor:
        """How much the output depends on each weight, on average over a task's training examples."""

        def once(batch: Batch) -> tuple[Tensor, Tensor]:
            return batch.y[None], torch.ones_like(batch.y[None], dtype=torch.float32)

        return averaged_powers(self, task, self.samples, squared_norm, once, power=1)


def squared_norm(logits: Tensor, _: Tensor) -> Tensor:
    """Of the logits [B, classes] that are active, [B]."""
    return torch.where(logits.isneginf(), 0.0, logits).square().sum(1)
