"""Tasks, and the sequence they form: the contract of everything in this package."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.readout import Codes

Kind = Literal["task", "domain", "class"]
"""What is known at test time: the task; nothing, over the same classes; nothing, over all classes."""


@dataclass(frozen=True)
class Task:
    """One task of a sequence, as a strategy sees it: it holds no test examples.

    Attributes:
        index: its place in the sequence, from 0.
        name: for tables and plots.
        classes: the outputs its labels use.
        original_classes: what those outputs are in the source, one for each of `classes`.
        training, validation: its examples; validation may be empty.
        returns: the index of the earlier task that it is a later visit of, if it is one. To measure by: no strategy
            is to read it.
    """

    index: int
    name: str
    classes: tuple[int, ...]
    original_classes: tuple[Any, ...]
    training: Examples
    validation: Examples
    returns: int | None = None


@dataclass(frozen=True)
class Modality:
    """One of several sorts of input in a sequence.

    Attributes:
        name: for tables.
        size: how many numbers an input of it has.
    """

    name: str
    size: int


@dataclass(frozen=True)
class Scenario:
    """An immutable sequence of tasks.

    Attributes:
        name: the reference that builds it again (`split-digits:class,tasks=5`).
        kind: what is known at test time; it decides which classes are active, and nothing else.
        input_shape: shape of one input.
        classes: number of outputs.
        tasks: the sequence.
        test: test examples of each task; neither strategies nor the tuner are ever given them.
        active: with kind "class", whether classes not seen yet compete ("all") or not ("seen").
        standardise: mean and standard deviation a network subtracts and divides by, if any, on [0, 1].
        boundaries: whether the stream says where one task ends and the next begins.
        passes: over the examples of a task at most; None for any number.
        readout: how outputs become answers where they are not one a class.
        modalities: sorts of input, where there are several. An input is then a vector: the number of its modality, its
            own numbers, and zeros up to the length of the longest.
        recalls: whether it tests, on purpose, the very examples that it trains on.
    """

    name: str
    kind: Kind
    input_shape: tuple[int, ...]
    classes: int
    tasks: tuple[Task, ...]
    test: tuple[Examples, ...]
    active: Literal["seen", "all"] = "seen"
    standardise: tuple[float, float] | None = None
    boundaries: bool = True
    passes: int | None = None
    readout: Codes | None = None
    modalities: tuple[Modality, ...] = ()
    recalls: bool = False

    @classmethod
    def from_tensors(
        cls,
        x: Tensor,
        y: Tensor,
        *,
        test: tuple[Tensor, Tensor] | float = 0.2,
        family: str = "split",
        seed: int | None = None,
        name: str = "tensors",
        **options: Any,
    ) -> "Scenario":
        """One labelled data set in memory, made into tasks by a family.

        Args:
            x: inputs [N, …], uint8 images [N, channels, height, width] or floats.
            y: their classes [N], whole numbers from 0.
            test: test inputs and classes; or the share of each class kept for testing, always the same.
            family: as `forgetless list scenarios` names them before the data set: split, permuted, ….
            seed: what the family draws by.
            name: what the data set is called in names and errors.
            **options: of the family.

        Raises:
            RequestError: where the data or the options are not possible.
        """
        from scenarios import own

        return own.from_tensors(x, y, test, family, seed, name, options)

    @classmethod
    def from_dataset(
        cls,
        data: Dataset[Any],
        *,
        test: Dataset[Any] | float = 0.2,
        family: str = "split",
        seed: int | None = None,
        name: str = "dataset",
        **options: Any,
    ) -> "Scenario":
        """One torch `Dataset` of (input, label), made into tasks by a family, as `from_tensors`.

        It is gone through once for its labels; inputs are asked for when they are needed, by several threads, and not
        kept.
        """
        from scenarios import own

        return own.from_dataset(data, test, family, seed, name, options)

    @classmethod
    def from_pairs(
        cls,
        pairs: Sequence[tuple[Dataset[Any], Dataset[Any]]],
        *,
        kind: Kind = "task",
        active: Literal["seen", "all"] = "seen",
        validation: float = 0.1,
        seed: int | None = None,
        name: str = "datasets",
    ) -> "Scenario":
        """A torch `Dataset` for training and one for testing, each of (input, label), for every task.

        With kind "domain" equal labels are one class throughout; with "task" and "class" each task's labels are
        classes of its own.

        Args:
            pairs: (training, test), task by task.
            kind: what is known at test time.
            active: with kind "class", which classes compete.
            validation: share of each class's training examples held out.
            seed: draws those.
            name: of the scenario.

        Raises:
            RequestError: where the data sets do not go together.
        """
        from scenarios import own

        return own.from_pairs(pairs, kind, active, validation, seed, name)

    def trial(self, tasks: int) -> "Scenario":
        """The first tasks alone, tested on their validation examples: what a tuner may see.

        Raises:
            RequestError: where there are fewer tasks, or one has no validation examples.
        """
        if tasks > len(self.tasks):
            raise RequestError(f"{self.name} has {len(self.tasks)} tasks: there are no first {tasks} to tune on")
        first = self.tasks[:tasks]
        if not all(len(task.validation) for task in first):
            raise RequestError(f"{self.name} has no validation examples to tune on: give it a share, as validation=0.1")
        return replace(self, tasks=first, test=tuple(task.validation for task in first))

    def masks(self, after: int) -> Tensor:
        """Which classes are active in a prediction for each task, bool [tasks, classes]: a copy of its own.

        Args:
            after: the last task that has begun; -1 before the first.
        """
        if self.kind == "task":
            return self._own_classes.clone()
        everything = self.kind == "domain" or self.active == "all"
        shared = torch.ones(self.classes, dtype=torch.bool) if everything else self._arrival <= after
        return shared.repeat(len(self.tasks), 1)

    @cached_property
    def _arrival(self) -> Tensor:
        """The first task that brings each class, [classes]; beyond the last task for a class that none brings."""
        arrival = torch.full((self.classes,), len(self.tasks))
        for task in reversed(self.tasks):
            arrival[list(task.classes)] = task.index
        return arrival

    @cached_property
    def _own_classes(self) -> Tensor:
        """The classes of each task, bool [tasks, classes]; made once, which takes a loop over all tasks."""
        masks = torch.zeros(len(self.tasks), self.classes, dtype=torch.bool)
        for task in self.tasks:
            masks[task.index, list(task.classes)] = True
        return masks

    @cached_property
    def chance(self) -> float:
        """Average accuracy of guessing evenly among the classes active after the last task."""
        masks = self.masks(len(self.tasks) - 1)
        return float((1 / masks.sum(1).double()).mean())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of content, order and options: two runs with one digest saw the same tasks."""
        digest = hashlib.sha256(repr((self.name, self.kind, self.active, self.standardise)).encode())
        further = (not self.boundaries, self.passes, self.readout and self.readout.digest(), self.modalities)
        if any(further):
            digest.update(repr(further).encode())
        for task, test in zip(self.tasks, self.test, strict=True):
            visit = () if task.returns is None else (task.returns,)
            digest.update(repr((task.index, task.classes, task.original_classes, *visit)).encode())
            for examples in (task.training, task.validation, test):
                digest.update(examples.digest().encode())
        return digest.hexdigest()

    @cached_property
    def leaked(self) -> tuple[int, ...] | None:
        """How many test inputs of each task are, by content, among the training inputs of any task.

        None where that says nothing, as all of them should be (`recalls`), or is not to be had without reading the
        inputs (see `scenarios.integrity`).
        """
        from scenarios.integrity import leaks

        parts = [*self.test, *(task.training for task in self.tasks)]
        if self.recalls or any(examples.fingerprints() is None for examples in parts):
            return None
        return tuple(count for count, _ in leaks(self))
