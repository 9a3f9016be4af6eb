"""Learning without forgetting (Li & Hoiem 2016)."""

import copy

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, Work, register


@register("lwf")
class LwF(Strategy):
    """Learning without forgetting: on the new task's inputs, go on answering for old tasks as the old network did.

    The loss of task t gains λ Σ_k H(y'_k, ŷ'_k) over the earlier tasks k (eq. 2 to 4): the cross-entropy between
    the answers of the network as it was before the task, y'_k, and those of the network now, ŷ'_k, both for the
    inputs of the new task, over the outputs of task k, and at temperature T (logits are divided by T). What is
    stored is a copy of the network.

    Where classes of all tasks compete there is one answer to keep, and the sum is one term, over the outputs that
    were active before. Avalanche has one term as well where tasks share their outputs; here, and in van de Ven's
    code, each earlier task counts there too. The paper first trains the new task's outputs alone for a while (the
    authors of HAT found that negligible), and decays weights (`--weight-decay`); neither is done here.

    Args:
        network: what is trained.
        strength: λ.
        temperature: T: above 1, small probabilities count for more.
    """

    paper = "Li & Hoiem 2016, arXiv 1606.09282"
    needs = frozenset({"task boundaries"})
    heads: Tensor

    def __init__(self, network: Network, *, strength: NonNegativeFloat = 1.0, temperature: PositiveFloat = 2.0) -> None:
        super().__init__(network)
        self.strength = strength
        self.temperature = temperature
        self.teacher = copy.deepcopy(network).requires_grad_(False)
        # Which outputs each answer to keep is over, bool [tasks, classes]; none where a task has none to keep.
        self.register_buffer("heads", torch.zeros_like(self.masks))

    def train(self, mode: bool = True) -> "LwF":
        super().train(mode)
        self.teacher.eval()
        return self

    def start_task(self, task: Task) -> None:
        if task.index == 0:
            self.heads = torch.zeros_like(self.masks)

    def end_task(self, task: Task) -> None:
        self.teacher.load_state_dict(self.network.state_dict())
        tasks = torch.arange(len(self.masks), device=self.masks.device)[:, None]
        competing = int(self.masks[task.index].sum()) > len(task.classes)
        self.heads = self.masks & (tasks == task.index if competing else tasks <= task.index)

    def loss(self, batch: Batch) -> Tensor:
        logits, old = self.network(batch.x), self.teacher(batch.x)
        return self.network.criterion(batch.masked(logits), batch.y) + self.strength * self.distillation(logits, old)

    def distillation(self, logits: Tensor, old: Tensor) -> Tensor:
        """Σ_k H(y'_k, ŷ'_k), averaged over the batch."""
        kept = self.heads.any(1, keepdim=True)
        among = (self.heads | ~kept)[:, None]  # a row without any would be undefined, and counts nothing
        wanted, given = (torch.where(among, each / self.temperature, -torch.inf) for each in (old, logits))
        likelihood = torch.where(among, given.log_softmax(2), 0.0)
        return -(kept * (wanted.softmax(2) * likelihood).sum(2)).sum(0).mean()

    def step_work(self, batch: Batch) -> Work:
        return Work(2 * batch.y.shape[-1], batch.y.shape[-1])
