"""The contract of a strategy: what it may do, and when the trainer asks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.options import Option, bind, options_of
from scenarios.task import Scenario, Task
from strategies.catalogue import STRATEGIES
from strategies.networks.network import Network

Need = Literal["task at test time", "task boundaries", "fresh optimiser", "stored examples", "one output a class"]

Part = tuple[Tensor, Tensor, Tensor]
"""Of a batch: inputs, labels and tasks of some examples, [N, …], [N] and [N]."""


class Batch(NamedTuple):
    """What one step, or one prediction, works on.

    Attributes:
        x: inputs [B, …], as the scenario gives them.
        y: labels [B]: output numbers.
        task: the task of the examples, [1] where they share it, else [B].
        masks: which classes are active for each task, bool [tasks, classes]; none for tasks yet to come.
        progress: how far the current pass over the examples is, a scalar from 0 (first step) to 1 (last).
        epoch: the number of that pass, from 0, an integer scalar.
        fresh: how many of the rows come from the task itself; rows that a strategy adds follow them.
        extras: further tensors that `prepare` gives to the hooks of the step, by name: logits remembered with
            the rows, say.
        added: parts to follow, until they are `joined`.
    """

    x: Tensor
    y: Tensor
    task: Tensor
    masks: Tensor
    progress: Tensor
    epoch: Tensor
    fresh: int
    extras: dict[str, Tensor] = {}
    added: tuple[Part, ...] = ()

    @property
    def active(self) -> Tensor:
        """Which classes are active for each example, bool [1, classes] or [B, classes]."""
        return self.masks.index_select(0, self.task)

    def masked(self, logits: Tensor) -> Tensor:
        """Logits with those of inactive classes at minus infinity."""
        return torch.where(self.active, logits, -torch.inf)

    def extended(self, x: Tensor, y: Tensor, task: Tensor) -> "Batch":
        """This batch, to be followed by further examples, each with its task [N]: the trainer joins them, for all
        replicas at once."""
        return self._replace(added=(*self.added, (x, y, task)))

    def joined(self) -> "Batch":
        """This batch with the rows that were added as rows of its own."""
        if not self.added:
            return self
        x, y, task = map(torch.cat, zip(*self.parts(), strict=True))
        return self._replace(x=x, y=y, task=task, added=())

    def parts(self) -> tuple[Part, ...]:
        """Its own rows, and those added."""
        return (self.x, self.y, self.task.expand(len(self.y))), *self.added


@dataclass(frozen=True)
class Phase:
    """Something to train on, and for how long.

    Attributes:
        examples: what to train on.
        worth: of how many tasks: with a budget in iterations the phase takes that many times the budget.
            A budget in epochs is that many passes over the examples in any case.
        validation: what a schedule watches; None for the task's own validation examples.
    """

    examples: Examples
    worth: int = 1
    validation: Examples | None = None


@dataclass
class Work:
    """Examples that went through a network, of which `backward` with a gradient taken as well."""

    forward: int = 0
    backward: int = 0

    def add(self, other: "Work") -> None:
        self.forward += other.forward
        self.backward += other.backward

    def clear(self) -> None:
        self.forward = self.backward = 0


class Strategy(nn.Module):
    """A way to learn tasks one after another. This base class is plain fine-tuning.

    All that a strategy remembers is a parameter, a buffer or a submodule: saving, moving between devices
    and the memory figure of the records follow from that. Its hyper-parameters are the keyword-only
    arguments of `__init__`, and are declared nowhere else. Random numbers come from `self.generator`,
    except in `__init__`, which runs under the run's initialisation seed.

    The trainer calls, in this order, for each task: `start_task`; `phases`; for each phase `start_phase`, and
    for each of its steps `prepare`, `loss`, `adjust_gradients`, `follow`, `after_step`; `end_task`. Predictions
    go through `forward`.

    The hooks of a step (`loss`, `adjust_gradients`, `follow`, `after_step`) compute with tensors alone. So one
    source serves three ways to take a step: as written, compiled whole, and for many replicas at once, where
    parameters, buffers and those hyper-parameters that differ are stacked (a hyper-parameter is kept under
    its own name, `self.strength`, and may be a tensor there). What does not work with tensors alone, such as
    keeping examples in a memory, is done in `prepare`.

    Attributes:
        network: what is trained.
        generator: the strategy's own random numbers.
        masks: which classes are active for each task, bool [tasks, classes]; none for tasks yet to come. Set
            by the trainer before `start_task`.
        work: examples it has sent through a network in this task outside the step's own hooks. What a hook
            such as `prepare` or `end_task` computes there it adds itself.
        paper: where the strategy was published.
        needs: what the strategy cannot do without; a scenario that does not give it is refused.
        alone: why its step is not a function of tensors alone, where it is not; its steps are then neither
            compiled nor taken together with those of other seeds.
    """

    paper: ClassVar[str] = ""
    needs: ClassVar[frozenset[Need]] = frozenset()
    alone: ClassVar[str] = ""
    masks: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.generator = torch.Generator()
        self.work = Work()
        self.register_buffer("masks", torch.ones(1, network.classes, dtype=torch.bool), persistent=False)

    @classmethod
    def needs_with(cls, hyperparameters: Mapping[str, Any]) -> frozenset[Need]:
        """What it cannot do without where some of its hyper-parameters are these: `needs`, or more."""
        return cls.needs

    def start_task(self, task: Task) -> None:
        """Called before a task. May change state."""

    def phases(self, task: Task) -> list[Phase]:
        """What to train on for a task, usually its examples once. Must not change state."""
        return [Phase(task.training)]

    def start_phase(self, task: Task, number: int) -> None:
        """Called before each phase of a task, numbered from 0. May change state; parameters in place, as the
        optimiser has them already."""

    def prepare(self, batch: Batch) -> Batch:
        """Called before each step: add rehearsed examples and the like (`Batch.extended`). May change only what
        the step's own hooks do not read: memories, the generator."""
        return batch

    def loss(self, batch: Batch) -> Tensor:
        """The scalar to minimise: a pure function of parameters, buffers and the batch."""
        return self.network.criterion(self(batch), batch.y)

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The gradients to step along, by parameter name: a pure function of arguments and state."""
        return gradients

    def follow(self, gradients: dict[str, Tensor], batch: Batch) -> None:
        """Called after each step, with the gradients of the loss as they were before anything was added to them:
        for what is summed along the path of the weights. May change buffers, in place."""

    def after_step(self, batch: Batch) -> None:
        """Called after each step, with the batch as prepared. May change parameters and buffers, in place."""

    def step_work(self, batch: Batch) -> Work:
        """How many examples a step on a batch, as prepared, sends through a network; for the record's costs."""
        return Work(batch.y.shape[-1], batch.y.shape[-1])

    def end_task(self, task: Task) -> None:
        """Called after a task's last step. May change state."""

    def forward(self, batch: Batch) -> Tensor:
        """Logits [B, classes], those of inactive classes at minus infinity. Must not change state."""
        return batch.masked(self.network(batch.x))

    def bytes_remembered(self) -> int:
        """Of all its state besides the network it trains: memories, importances, masks, copies of networks."""
        return sum(value.nbytes for name, value in self.state_dict().items() if not name.startswith("network."))

    def example_bytes(self, x: Tensor) -> int:
        """What remembering one more example takes, of which `x` is the input: label and task are eight bytes each."""
        return x.nbytes + 16

    def growth(self, tasks: int, sets: int) -> int:
        """Bytes that its state grows by over a sequence, remembered examples left out.

        Args:
            tasks: how many there are.
            sets: how many classes they have, a class of two tasks counted twice.
        """
        return 0

    def memory_for(self, examples: int, tasks: int) -> int:
        """What its hyper-parameter `memory` has to be, if it has one, to remember so many examples after all tasks."""
        return examples

    def holder(self, hyperparameter: str) -> tuple[nn.Module, str]:
        """The module that keeps a hyper-parameter, and the name it has there."""
        return self, hyperparameter

    def batch(self, x: Tensor, y: Tensor, task: Tensor) -> Batch:
        """A batch outside the stream: for reading the network, not for a step of training."""
        return Batch(x, y, task, self.masks, torch.ones((), device=x.device), torch.tensor(0), len(y))


register = STRATEGIES.register

REASONS: dict[Need, str] = {
    "task at test time": "it must be told the task at test time: ask for the same scenario with kind 'task'",
    "task boundaries": "it must be told where one task ends and the next begins",
    "fresh optimiser": "it starts every task with a fresh optimiser: leave out --carry-optimizer",
    "stored examples": "it stores examples of earlier tasks",
    "one output a class": "it needs one output a class, where here answers are patterns over output units",
}


def hyperparameters_of(name: str) -> dict[str, Option]:
    """The hyper-parameters of a strategy: the keyword-only arguments of its `__init__`."""
    return options_of(STRATEGIES.get(name))


def bind_hyperparameters(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """All hyper-parameters of a strategy, with the given values checked.

    Raises:
        RequestError: for a strategy or hyper-parameter there is not, or a value that is not possible.
    """
    return bind(STRATEGIES.get(name), name, given)


def needs_of(name: str, hyperparameters: Mapping[str, Any] | None = None) -> frozenset[Need]:
    """What a strategy cannot do without, with these hyper-parameters, or with its defaults."""
    kind: Any = STRATEGIES.get(name)
    found: frozenset[Need] = kind.needs_with(hyperparameters or {})
    return found


def alone_of(name: str) -> str:
    """Why replicas of a strategy cannot train at once; empty where they can."""
    return getattr(STRATEGIES.get(name), "alone", "")


def check_needs(
    name: str, scenario: Scenario, hyperparameters: Mapping[str, Any] | None = None, *, carry_optimizer: bool = False
) -> None:
    """Refuse a strategy where it cannot have what it needs.

    Raises:
        RequestError: naming the need, and what to ask for instead.
    """
    missing: dict[Need, bool] = {
        "task at test time": scenario.kind != "task",
        "task boundaries": not scenario.boundaries,
        "fresh optimiser": carry_optimizer,
        "one output a class": scenario.readout is not None,
    }
    for need in needs_of(name, hyperparameters):
        if missing.get(need):
            raise RequestError(f"{name} cannot learn {scenario.name}: {REASONS[need]}")
