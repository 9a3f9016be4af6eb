"""One of the runs that a trainer makes at once. Most often it is the only one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.coverage import Coverage
from benchmark.observers.observer import Observer
from benchmark.optimization import Plateau
from benchmark.outcome import Outcome
from benchmark.randomness import generator_for
from benchmark.spec import RunSpec
from scenarios.task import Scenario, Task
from strategies.strategy import Strategy


def ignore(task: Task) -> None:
    """For a run without properties."""


@dataclass
class Replica:
    """A strategy on its way through a scenario, with random numbers, schedule and outcome of its own.

    Attributes:
        strategy: on its device already.
        scenario: its test examples are read in evaluations and nowhere else.
        spec: budget, batch size, optimiser, seeds.
        observer: told what happens.
        measure: called after each task, with the task; for properties.
        order: the generator of the order of examples.
        coverage: which tasks its rows cover.
        pass_began: its state before the current pass.
        plateau: the schedule of the current phase, if it has one.
        frozen: its state where the schedule has stopped it before others: it waits for the end of the phase.
        steps: of the current task.
        total_steps: since the run began.
        error: what ended it early.
    """

    strategy: Strategy
    scenario: Scenario
    spec: RunSpec
    observer: Observer = field(default_factory=Observer)
    measure: Callable[[Task], None] = ignore
    outcome: Outcome = field(default_factory=Outcome)
    order: torch.Generator = field(init=False)
    coverage: Coverage = field(init=False)
    pass_began: Tensor | None = None
    plateau: Plateau | None = None
    frozen: dict[str, Tensor] | None = None
    steps: int = 0
    total_steps: int = 0
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.order = generator_for("order", self.spec.seeds.order)
        self.coverage = Coverage(self.spec, len(self.scenario.tasks))

    @property
    def learning(self) -> bool:
        """Whether it takes part in the steps of the current phase."""
        return self.error is None and self.frozen is None

    def state(self) -> dict[str, Tensor]:
        """The state of the strategy, as it is or as it waits."""
        return self.strategy.state_dict() if self.frozen is None else self.frozen

    def freeze(self) -> None:
        """Wait as it is now: steps that others still take may change what is stacked."""
        self.frozen = {name: tensor.clone() for name, tensor in self.strategy.state_dict().items()}

    @torch.no_grad()
    def thaw(self) -> None:
        """Be again as it was when it began to wait; after the plateau schedule with an optimiser that remembers
        nothing, as the last drop of the rate left it."""
        assert self.frozen is not None
        own = self.strategy.state_dict()
        for name, tensor in self.frozen.items():
            own[name].copy_(tensor)
        for row in self.plateau.optimizer.rows(self.plateau.replica) if self.plateau else ():
            row.zero_()
        self.frozen = None
