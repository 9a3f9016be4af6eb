"""Experience replay (Chaudhry et al. 2019, "On tiny episodic memories in continual learning")."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.memory import Memory, Policy
from strategies.networks.network import Network
from strategies.strategy import Batch, Need, Strategy, register

BATCH = 256
"""Examples offered at once at the end of a task."""

Weighting = Literal["examples", "tasks", "sum"]


@register("rehearsal")
class Rehearsal(Strategy):
    """Experience replay: every step also trains on examples drawn from a memory of the stream.

    The memory is drawn from and then offered the step's own examples (Algorithm 1 of the paper), so it holds
    examples of the current task too. Every example of the stream is offered once, in the first pass over its
    task. Nothing of that needs to know where a task ends.

    With the defaults this is the paper's reservoir, and `er` of Mammoth. Two others that go by this name:
    "class-balanced", stored at the end of tasks, is Avalanche's `Replay` (which balances tasks, in its default);
    with `per_class=100` and weighting "tasks" it is the experience replay of van de Ven et al. 2022.

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many of them join each step; None for as many as the step has of its own.
        policy: which examples are kept (see `Memory`).
        per_class: how many of each class at most; None for no bound but that of all. Not for a reservoir.
        store: "stream": offered as they come; "end": at the end of a task, all its examples in random order,
            so that no example is rehearsed in its own task. That needs to know where a task ends.
        weighting: of the mean loss of the step's own examples and of that of those drawn. "examples": every
            example counts the same; "tasks": 1/t and 1 − 1/t in task t, as if each task had the same part of
            the step; "sum": both in full.
    """

    paper = "Chaudhry et al. 2019, arXiv 1902.10486"
    needs = frozenset({"stored examples"})

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 1000,
        memory_batch: PositiveInt | None = None,
        policy: Policy = "reservoir",
        per_class: PositiveInt | None = None,
        store: Literal["stream", "end"] = "stream",
        weighting: Weighting = "examples",
    ) -> None:
        super().__init__(network)
        self.memory = Memory(memory, policy=policy, per_class=per_class)
        self.memory_batch = memory_batch
        self.store = store
        self.weighting = weighting

    @classmethod
    def needs_with(cls, hyperparameters: Mapping[str, Any]) -> frozenset[Need]:
        return cls.needs | ({"task boundaries"} if hyperparameters.get("store") == "end" else set())

    def prepare(self, batch: Batch) -> Batch:
        memory = self.memory
        prepared = batch if len(memory) == 0 else self.rehearsed(batch, self.memory_batch or batch.fresh)
        if self.store == "stream" and int(batch.epoch) == 0:
            memory.offer(batch.x, batch.y, batch.task, self.generator)
        return prepared

    def rehearsed(self, batch: Batch, size: int) -> Batch:
        """The batch, to be followed by examples from the memory, which is not empty."""
        x, y, task = self.memory.draw(size, self.generator)
        return batch.extended(x, y, task)

    def loss(self, batch: Batch) -> Tensor:
        if self.weighting == "examples" or len(batch.y) == batch.fresh:
            return super().loss(batch)
        losses = self.network.criterion(self(batch), batch.y, reduction="none")
        return self.weighted(losses[: batch.fresh].mean(), losses[batch.fresh :].mean(), batch)

    def weighted(self, own: Tensor, drawn: Tensor, batch: Batch) -> Tensor:
        """One loss of that of the step's own examples and that of those drawn."""
        if self.weighting == "sum":
            return own + drawn
        part = 1 / (batch.task[0] + 1) if self.weighting == "tasks" else batch.fresh / len(batch.y)
        return part * own + (1 - part) * drawn

    def end_task(self, task: Task) -> None:
        if self.store == "end":
            order = torch.randperm(len(task.training), generator=self.generator)
            for x, y, at in task.training.batches(order, BATCH):
                self.memory.offer(x, y, at, self.generator)
