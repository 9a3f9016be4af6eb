"""What is to be done, the same for whoever does it."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from benchmark.run import load_scenario
from scenarios.examples import Examples, TensorExamples
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario

LR = 0.05


@dataclass(frozen=True)
class Work:
    """Training a network on the tasks of a scenario with plain SGD.

    Attributes:
        scenario: where the tasks come from.
        network: by reference, as `mlp:100x100`.
        batch_size: examples in a step.
        iterations: steps a task; None for passes over its examples.
        epochs: how many passes.
        strategy, hyperparameters: of those who have several.
    """

    scenario: Scenario
    network: str
    batch_size: int
    iterations: int | None = None
    epochs: int = 1
    strategy: str = "naive"
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    @property
    def budget(self) -> dict[str, int]:
        return {"epochs": self.epochs} if self.iterations is None else {"iterations": self.iterations}


def scenario(reference: str) -> Scenario:
    return load_scenario(scenario_reference(reference).text, None, None)


def shortened(whole: Scenario, training: int, test: int) -> Scenario:
    """The same tasks with only so many examples each."""
    tasks = [replace(task, training=first(task.training, training)) for task in whole.tasks]
    return replace(whole, tasks=tuple(tasks), test=tuple(first(examples, test) for examples in whole.test))


def first(examples: Examples, count: int) -> TensorExamples:
    """So many examples, drawn once for all."""
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0))[:count]
    x, y = examples.batch(order)
    return TensorExamples(x, y, examples.tasks(order))


def floats(examples: Examples) -> tuple[Tensor, Tensor]:
    """All inputs on [0, 1], and all labels: what others train on."""
    x, y = examples.batch(torch.arange(len(examples)))
    return x.float() / 255, y
