"""Examples, tasks, and the sequence they form: the contract of everything in this package."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from scenarios.digests import tensor_digest
from scenarios.errors import RequestError
from scenarios.readout import Codes
from scenarios.rows import Inputs, Rows, ahead, fingerprints_of

Kind = Literal["task", "domain", "class"]
"""What is known at test time: the task; nothing, over the same classes; nothing, over all classes."""

Transform = Callable[[Tensor], Tensor]

READ = 2**20
"""Bytes of inputs in memory that are read at once: what fits a processor's cache."""


class Examples(ABC):
    """Inputs and labels of one split of one task, or of several tasks.

    Inputs are uint8 images in 0…255 (a network scales them to [0, 1]; they stay one byte until then) or
    floats that a network takes as they are. Labels are output numbers, int64.

    Attributes:
        task: which task each example belongs to, int64: shape [1] where all share one, else [N].
        ordered: whether their order is that of a stream, which training keeps to.
        truth: the true labels [N], where those given by `batch` may be false; else None. To measure by: no
            strategy is to read them.
    """

    task: Tensor
    ordered: bool = False
    truth: Tensor | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @abstractmethod
    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [B, …] and labels [B] of the examples numbered `indices` [B]."""

    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of the content: equal where, and only where, the examples are the same."""

    def fingerprints(self) -> tuple[str, Tensor] | None:
        """What identifies each input, known from the pass of `digest`; None where that does not go through them.

        Returns:
            The digest of the transform through which they are seen, and their own fingerprints, int64 [N].
        """
        return None

    def labels(self) -> Tensor:
        """All labels, [N]."""
        return torch.cat([self.batch(part)[1] for part in torch.arange(len(self)).split(1024)])

    def tasks(self, indices: Tensor) -> Tensor:
        """The task of each of the examples numbered `indices`: shape [1] or [B]."""
        return self.task if len(self.task) == 1 else self.task.index_select(0, indices)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Inputs, labels and tasks in the given order, `size` at a time; the last batch may be smaller."""
        for indices in order.split(size) if len(order) else ():
            x, y = self.batch(indices)
            yield x, y, self.tasks(indices)

    def to(self, device: torch.device) -> "Examples":
        """The same examples, held on a device where they fit in memory."""
        return self


class TensorExamples(Examples):
    """Examples whose labels are held in memory, and their inputs as well, unless they are `Rows` of files.

    Args:
        x: inputs [N, …], uint8 or float32; those in files are read ahead, by threads, and never kept.
        y: labels [N].
        task: the task they belong to, or one for each.
        transform: applied to a batch of inputs when it is read (a permutation of pixels, a rotation), so
            that a hundred tasks over one set of images hold those images once.
        shift: added to the labels when they are read, so that tasks with classes of their own hold them once.
        truth: the true labels [N] as output numbers, where some of `y` are false.
    """

    def __init__(
        self,
        x: Inputs,
        y: Tensor,
        task: int | Tensor,
        transform: Transform | None = None,
        shift: int = 0,
        truth: Tensor | None = None,
    ) -> None:
        if len(x) != len(y):
            raise ValueError(f"{len(x)} inputs but {len(y)} labels")
        self.x = x
        self.y = y.long()
        self.task = torch.tensor([task]) if isinstance(task, int) else task
        self.transform = transform
        self.shift = shift
        self.truth = truth

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.x.index_select(0, indices), self.y.index_select(0, indices)
        return (self.transform(x) if self.transform else x), (y + self.shift if self.shift else y)

    def labels(self) -> Tensor:
        return self.y + self.shift

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        # Several batches are read at once and handed out in parts: reading a batch of ten alone costs more.
        row = max(1, math.prod(self.x.shape[1:]) * self.x.dtype.itemsize)
        parts = order.to(self.y.device).split(size * max(1, READ // (size * row))) if len(order) else ()
        read = ahead(self.batch, parts) if isinstance(self.x, Rows) else map(self.batch, parts)
        for indices, (x, y) in zip(parts, read, strict=True):
            task = self.tasks(indices)
            tasks = task.split(size) if len(task) > 1 else repeat(task)
            yield from zip(x.split(size), y.split(size), tasks, strict=False)

    def to(self, device: torch.device) -> "TensorExamples":
        x = self.x
        if isinstance(x, Rows):
            return self
        if self.transform:
            x = torch.cat([self.transform(part) for part in x.split(4096)]) if len(x) else x
        truth = None if self.truth is None else self.truth.to(device)
        return TensorExamples(x.to(device), (self.y + self.shift).to(device), self.task.to(device), truth=truth)

    def digest(self) -> str:
        y = self.y + self.shift if self.shift else self.y
        x = self.x.digest() if isinstance(self.x, Rows) else tensor_digest(self.x)
        parts = [x, tensor_digest(y), tensor_digest(self.task)]
        parts.append(transform_digest(self.transform))
        if self.truth is not None:
            parts.append(tensor_digest(self.truth))
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def fingerprints(self) -> tuple[str, Tensor]:
        return transform_digest(self.transform), fingerprints_of(self.x)


class DatasetExamples(Examples):
    """Examples read from a torch `Dataset` of (input, label) when they are needed, by worker processes.

    For data larger than memory: nothing is kept.

    Args:
        dataset: its labels are output numbers already.
        task: the task they all belong to.
        workers: how many processes read ahead while training; 0 reads in the training process.
    """

    def __init__(self, dataset: Dataset[tuple[Tensor, int]], task: int, workers: int = 0) -> None:
        self.dataset = dataset
        self.task = torch.tensor([task])
        self.workers = workers

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        pairs = [self.dataset[index] for index in indices.tolist()]
        return torch.stack([x for x, _ in pairs]), torch.tensor([int(y) for _, y in pairs])

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        loader = DataLoader(
            self.dataset,
            batch_sampler=[part.tolist() for part in order.split(size) if len(part)],
            num_workers=self.workers,
        )
        for x, y in loader:
            yield x, y.long(), self.task

    def digest(self) -> str:
        digest = hashlib.sha256()
        for index in range(len(self)):
            x, y = self.dataset[index]
            digest.update(tensor_digest(x).encode() + str(int(y)).encode())
        return digest.hexdigest()


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


def transform_digest(transform: Transform | None) -> str:
    """What identifies a transform: the digest of its own state, given by its `digest` method."""
    if transform is None:
        return ""
    digest: Callable[[], str] | None = getattr(transform, "digest", None)
    return digest() if digest else repr(transform)
