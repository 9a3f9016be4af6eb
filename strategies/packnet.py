"""PackNet (Mallya & Lazebnik 2018)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Phase, Strategy, register

FREE = torch.iinfo(torch.int16).max
"""The owner of a weight that no task has."""


@register("packnet")
class PackNet(Strategy):
    """PackNet: prune the network after each task, keep what is left for it, and leave the rest to the next.

    A task first trains all weights that no earlier task owns, from 0, beside those of earlier tasks, which stay
    fixed. Then, layer by layer, the given share of the weights that it trained is freed, those of smallest
    magnitude (sec. 3), and the others are trained once more; from then on they are fixed. Task k is answered
    with the weights of tasks up to k alone, whatever has come since, and so is never forgotten, to the last bit.
    A task that has not begun is answered with all weights that have an owner.

    As in the paper, biases and normalisation layers (with their running averages) are those of the first task,
    and the rows of the output layer, neither pruned nor shared, belong to the task of their classes. The second
    training has the budget of the first, so that a task takes twice the steps of naive; the paper gives it half
    as many passes. The last task is pruned like all others: nobody knows that it is the last.

    Stored is the owner of each hidden weight, two bytes. Decoupled weight decay (AdamW) moves fixed weights all
    the same; the paper trains with plain SGD and momentum.

    Args:
        network: what is trained.
        share: of the weights that a task has trained, how many it frees; the paper tries 0.5 and 0.75.
    """

    paper = "Mallya & Lazebnik 2018, arXiv 1711.05769"
    needs = frozenset({"task at test time", "task boundaries", "fresh optimiser", "one output a class"})
    newest: Tensor

    def __init__(self, network: Network, *, share: Annotated[float, Field(ge=0, lt=1)] = 0.75) -> None:
        super().__init__(network)
        self.share = share
        self.register_buffer("newest", torch.zeros((), dtype=torch.int16))
        self.owners = nn.Module()
        for name in network.connections:
            if (weight := network.get_parameter(name)).ndim > 1:
                self.owners.register_buffer(_flat(name), torch.zeros(weight.shape, dtype=torch.int16))

    def owned(self) -> dict[str, Tensor]:
        """The task that owns each element of each hidden weight, by the name of the weight."""
        owners = dict(self.owners.named_buffers())
        return {name: owners[_flat(name)] for name in self.network.connections if _flat(name) in owners}

    @torch.no_grad()
    def start_task(self, task: Task) -> None:
        self.newest.fill_(task.index)
        for owner in self.owned().values():
            owner.masked_fill_(owner == FREE, task.index)

    def phases(self, task: Task) -> list[Phase]:
        return [Phase(task.training), Phase(task.training)]

    @torch.no_grad()
    def start_phase(self, task: Task, number: int) -> None:
        if number == 0:
            return
        for name, owner in self.owned().items():
            weight = self.network.get_parameter(name).view(-1)
            own = (owner.view(-1) == task.index).nonzero().squeeze(1)
            smallest = weight[own].abs().topk(round(self.share * len(own)), largest=False).indices
            owner.view(-1)[own[smallest]] = FREE

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        for name, owner in self.owned().items():
            self.network.get_parameter(name).masked_fill_(owner == FREE, 0.0)

    def train(self, mode: bool = True) -> "PackNet":
        super().train(mode)
        for module in self.network.modules():
            if isinstance(module, _BatchNorm):
                module.train(mode and int(self.newest) == 0)
        return self

    def forward(self, batch: Batch) -> Tensor:
        if len(batch.task) == 1:
            return batch.masked(self.logits(batch.x, batch.task))
        tasks = torch.arange(len(batch.masks), device=batch.task.device).unsqueeze(1)
        every = torch.stack([self.logits(batch.x, task) for task in tasks])
        return batch.masked(every.gather(0, batch.task[None, :, None].expand_as(every[:1])).squeeze(0))

    def logits(self, x: Tensor, task: Tensor) -> Tensor:
        """Those of the network as it was at the end of a task [1]: later weights are 0 in it."""
        weights = dict(self.network.named_parameters())
        kept = {name: weights[name] * (owner <= task) for name, owner in self.owned().items()}
        return functional_call(self.network, kept, (x,))

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        task, owned = batch.task[:1], self.owned()
        adjusted: dict[str, Tensor] = {}
        for path, gradient in gradients.items():
            name = path.removeprefix("network.")
            if name in owned:
                free = owned[name] == task
            elif name.startswith("output."):
                free = batch.active.any(0).reshape(-1, *[1] * (gradient.ndim - 1))
            else:
                free = task == 0
            adjusted[path] = gradient * free
        return adjusted


def _flat(name: str) -> str:
    """The name of a parameter as one of a buffer, which cannot have dots."""
    return name.replace(".", "_")
