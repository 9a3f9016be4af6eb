"""The contract of a property: a matrix over (after task i, on task j), measured on a copy of the model."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from benchmark.catalogue import PROPERTIES
from benchmark.predictions import Predictions
from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.options import Reference, canonical
from scenarios.task import Task
from strategies.strategy import Batch, Strategy

BATCH = 1024
"""Inputs answered at once."""


@dataclass(frozen=True)
class Measurement:
    """What a property says of one cell.

    Attributes:
        value: a finite number, or None where there is none.
        reason: why there is none; why it is only a bound; or why something beside it is null.
        beside: further values that help to read it, by name, as JSON has them.
    """

    value: float | None
    reason: str | None = None
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A copy of the model after one task, facing another task: what a property may read and probe.

    Attributes:
        model: the copy, in evaluation mode; it can be changed without a trace.
        task: the task faced, with its training and validation examples.
        test: its test examples.
        masks: which classes are active for each task, bool [tasks, classes].
        generator: random numbers for this property and task faced, the same after every task, so that
            changes along the sequence are not those of the draw.
        device: where the model is.
        told: whether the scenario tells the task at test time; if not, the model is not told here either.
    """

    model: Strategy
    task: Task
    test: Examples
    masks: Tensor
    generator: torch.Generator
    device: torch.device
    told: bool = True

    @property
    def active(self) -> Tensor:
        """Output numbers of the classes active for the task, [active]."""
        return self.masks[self.task.index].nonzero().squeeze(1)

    def sample(self, examples: Examples, size: int | None = None) -> tuple[Tensor, Tensor]:
        """Inputs as floats on [0, 1] and labels of `size` examples, or of all where there are fewer.

        Labels are places in `active`, so that they fit the columns of `logits`. The draw is that of
        `generator`; without a size nothing is drawn, and all come in their own order.
        """
        chosen = (
            torch.arange(len(examples))
            if size is None
            else torch.randperm(len(examples), generator=self.generator)[:size]
        )
        x, y = examples.batch(chosen)
        x = x.float() / 255 if x.dtype == torch.uint8 else x
        place = torch.zeros(self.masks.shape[1], dtype=torch.long)
        place[self.active.cpu()] = torch.arange(len(self.active))
        return x.to(self.device), place[y].to(self.device)

    def batch(self, x: Tensor, y: Tensor) -> Batch:
        """Inputs and labels (output numbers) as a batch of this task."""
        task = torch.tensor([self.task.index if self.told else 0], device=self.device)
        return Batch(x, y, task, self.masks, torch.ones((), device=self.device), torch.tensor(0), len(y))

    def logits(self, x: Tensor, model: Strategy | None = None) -> Tensor:
        """Logits of the active classes, [B, active], of the model or of another copy of it."""
        y = self.active[:1].expand(len(x))
        return (model or self.model)(self.batch(x, y)).index_select(1, self.active)

    @torch.no_grad()
    def answers(self, x: Tensor, model: Strategy | None = None) -> Tensor:
        """`logits` of any number of inputs, a part at a time and without a gradient."""
        return torch.cat([self.logits(part, model) for part in x.split(BATCH)])

    def copy(self) -> Strategy:
        """A further copy of the model, for a property that trains or prunes it."""
        return copy.deepcopy(self.model)


ONE_CLASS = Measurement(None, "only one class is active, so no answer can be wrong")
"""What a property of answers says where there is nothing to choose between."""


class Property(ABC):
    """Something measured after each task on each task seen.

    Its options are the keyword-only arguments of `__init__`. Measuring never changes the run: the model is
    a copy, the random numbers are its own.

    Attributes:
        unit: of the values.
        better: which direction is.
        cost: roughly what a cell costs, in words.
    """

    unit: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    cost: ClassVar[str] = ""

    @abstractmethod
    def measure(self, subject: Subject) -> Measurement:
        """The value of one cell."""


class GroupProperty(ABC):
    """Something measured over the runs of one entry, which differ by their seeds alone.

    Attributes: as those of `Property`.
    """

    unit: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    cost: ClassVar[str] = ""

    @abstractmethod
    def compare(self, runs: Sequence[Predictions]) -> list[Measurement]:
        """One value a task, after the last task, of at least two runs."""


register = PROPERTIES.register


def property_reference(text: str) -> str:
    """The canonical spelling of a property's reference, checked.

    Raises:
        RequestError: for a property or option there is not, or a value that is not possible.
    """
    reference = Reference.parse(text)
    kind = PROPERTIES.get(reference.name)
    if not (isinstance(kind, type) and issubclass(kind, Property | GroupProperty)):
        raise RequestError(f"the property {reference.name!r} is no subclass of Property or GroupProperty")
    return canonical(reference.name, kind, reference.bind(kind), first_bare=False)


def build_property(text: str) -> Property | GroupProperty:
    """The property of a reference."""
    reference = Reference.parse(text)
    kind = PROPERTIES.get(reference.name)
    return kind(**reference.bind(kind))
