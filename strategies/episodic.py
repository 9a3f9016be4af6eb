"""A memory of every task, and gradients on it: what GEM and A-GEM share."""

from collections.abc import Iterable

import torch
import torch._dynamo  # `grad` imports it when first called, which takes seconds: they are not a step's
from torch import Tensor
from torch.func import functional_call, grad

from scenarios.task import Task
from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy


class Episodic(Strategy):
    """Fine-tuning that keeps some examples of each task to hold its steps against, and never trains on them.

    Args:
        network: what is trained.
        size: how many examples of each task are kept: the first of its stream, which comes in random order.

    Attributes:
        past: what is kept of tasks that have ended, task by task.
        present: what is kept of the task that is being learned.
    """

    needs = frozenset({"task boundaries", "stored examples"})

    def __init__(self, network: Network, size: int) -> None:
        super().__init__(network)
        self.past = Memory(None)
        self.present = Memory(size)

    def prepare(self, batch: Batch) -> Batch:
        room = (self.present.capacity or 0) - len(self.present)
        if room and batch.epoch == 0:
            self.present.add(batch.x[:room], batch.y[:room], batch.task[:room])
        return batch

    def memory_for(self, examples: int, tasks: int) -> int:
        return examples // tasks

    def end_task(self, task: Task) -> None:
        if len(self.present):
            self.past.add(self.present.x, self.present.y, self.present.task)
        self.present = Memory(self.present.capacity).to(self.past.y.device)

    def loss(self, batch: Batch) -> Tensor:
        """That of plain fine-tuning; a hook of its own because `gradients_on` is true of no other."""
        return super().loss(batch)

    def gradients_on(self, batch: Batch, names: Iterable[str]) -> dict[str, Tensor]:
        """The gradients of that loss on another batch for the parameters of these names, all of the network."""
        weights = dict(self.network.named_parameters())
        # Running averages are those of the stream alone: what a memory would make of them is thrown away.
        averages = {name: buffer.clone() for name, buffer in self.network.named_buffers()}

        def loss(weights: dict[str, Tensor], averages: dict[str, Tensor]) -> Tensor:
            logits = functional_call(self.network, (weights, averages), (batch.x,))
            return self.network.criterion(batch.masked(logits), batch.y)

        found = grad(loss)(
            {name: weights[name] for name in (each.removeprefix("network.") for each in names)}, averages
        )
        return {f"network.{name}": gradient for name, gradient in found.items()}


def inner(a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
    """The inner product of two gradients over the same parameters."""
    return torch.stack([(a[name] * b[name]).sum() for name in a]).sum()
