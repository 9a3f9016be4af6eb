"""Examples: inputs and labels as tasks hold them."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import repeat

import torch
from torch import Tensor

from scenarios.digests import tensor_digest
from scenarios.rows import Inputs, Rows, ahead, fingerprints_of

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


def transform_digest(transform: Transform | None) -> str:
    """What identifies a transform: the digest of its own state, given by its `digest` method."""
    if transform is None:
        return ""
    digest: Callable[[], str] | None = getattr(transform, "digest", None)
    return digest() if digest else repr(transform)
