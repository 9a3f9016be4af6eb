"""The same pull on all weights (the baseline L2 of Kirkpatrick et al. 2017 and Hsu et al. 2018)."""

import torch
from pydantic import NonNegativeFloat

from scenarios.task import Task
from strategies.consolidation import Consolidation
from strategies.networks.network import Network
from strategies.strategy import register


@register("l2")
class L2(Consolidation):
    """L2: pull every weight towards where the last task left it, all as firmly.

    From the second task on the loss gains λ Σ_i (θ_i − θ*_i)², θ* being the weights at the end of the task
    before. What is stored is θ*.

    Args:
        network: what is trained.
        strength: λ. Hsu et al. found 0.01, 0.5 and 100 the best for split MNIST of kind task, domain and class.
    """

    paper = "Hsu et al. 2018, arXiv 1810.12488"
    needs = frozenset({"task boundaries"})

    def __init__(self, network: Network, *, strength: NonNegativeFloat = 0.01) -> None:
        super().__init__(network, strength)
        self.importance = torch.zeros(())

    def end_task(self, task: Task) -> None:
        self.importance = torch.ones_like(self.importance)
        self.anchor = self.weights()
