"""The contract of a strategy that owns its training loop: one of another library, as an entry of ours."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scenarios.task import Task
from strategies.strategy import Phase, Strategy

Stepped = Callable[[Tensor], None]
"""To be called after every step, with its loss (a scalar, not yet looked at). What it raises is to pass."""


@dataclass(frozen=True)
class Budget:
    """How a run wants each of its tasks to be learned.

    Attributes:
        epochs, iterations: passes over the task's examples, or steps; one of the two.
        batch_size: examples of the task in a step.
        optimizer, lr, momentum, weight_decay: as in the run's specification.
        carry_optimizer: whether the optimiser's state is kept from task to task.
        device: where the network is.
        told: whether the task is told at test time.
        input_shape: shape of one input.
    """

    epochs: int | None
    iterations: int | None
    batch_size: int
    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    carry_optimizer: bool
    device: torch.device
    told: bool
    input_shape: tuple[int, ...]

    def optimizer_for(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the specification, over all parameters of a model."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(model.parameters(), self.lr, self.momentum, weight_decay=self.weight_decay)
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(model.parameters(), self.lr, weight_decay=self.weight_decay)


class ForeignStrategy(Strategy):
    """A strategy that learns a task in a loop of its own; scenario, evaluation, costs and record stay ours.

    The trainer calls `learn` for each task, instead of phases and the hooks of a step, and tests through `forward`
    as ever. What such a strategy remembers need be neither parameter nor buffer, so `bytes_remembered` counts it. This
    is what it cannot do: train at once with other seeds, have its steps compiled, follow a schedule, be tested
    within a task, or go on from the middle. One checkpoint is kept, before the first task, and a run that is
    resumed is made again from there, to the same numbers.
    """

    alone = "it owns its training loop"

    def phases(self, task: Task) -> list[Phase]:
        return []

    def try_out(self, budget: Budget) -> None:
        """Called before a run begins: make sure that it can, and leave no trace.

        Raises:
            Exception: which says why it cannot.
        """

    @abstractmethod
    def learn(self, task: Task, budget: Budget, stepped: Stepped) -> None:
        """Learn a task. Examples that it sends through a network it adds to `self.work` itself."""

    @abstractmethod
    def bytes_remembered(self) -> int:
        """Bytes of all that it keeps from task to task, besides the network itself."""
