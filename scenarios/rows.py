"""Inputs that are read from their files when they are needed: data larger than memory."""

import copy
import hashlib
import math
import mmap
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor

from scenarios.digests import row_fingerprints, tensor_fingerprints, tensor_header

LARGE = 2**30
"""Bytes of inputs beyond which one's own data stays in its files."""

BLOCK = 2**22
"""Bytes that are read at once where all rows are gone through."""

READERS = 2
"""Threads that read ahead while a batch is trained on; they wait for the disk, or decode images."""

APART = 2**21
"""Bytes from which on a piece of memory is asked of the system itself."""

A = TypeVar("A")
B = TypeVar("B")


class Rows(ABC):
    """Inputs [N, …] outside memory, in what they are asked for as a tensor is.

    Args:
        shape: of all inputs, N first.
        dtype: uint8 or float32.
    """

    def __init__(self, shape: Sequence[int], dtype: torch.dtype) -> None:
        self.shape = torch.Size(shape)
        self.dtype = dtype
        self.chosen: Tensor | None = None
        self._content: tuple[str, Tensor] | None = None

    @abstractmethod
    def read(self, numbers: Tensor) -> Tensor:
        """The rows of these numbers, counted in the files."""

    def content(self) -> tuple[str, Tensor]:
        """What the chosen rows hold: its SHA-256, that of a tensor that holds the same, and each row's fingerprint."""
        digest = hashlib.sha256(tensor_header(self.dtype, self.shape))

        def read(index: Tensor) -> tuple[Tensor, Tensor]:
            part = self.index_select(0, index)
            return part, row_fingerprints(part)

        # Made before the first block: small results kept between large blocks would leave memory in pieces too small.
        found, done = torch.empty(len(self), dtype=torch.int64), 0
        for part, fingerprints in ahead(read, self._blocks()):
            digest.update(part.numpy().data)
            found[done : done + len(part)] = fingerprints
            done += len(part)
        return digest.hexdigest(), found

    def digest(self) -> str:
        """SHA-256 of `content`, which is gone through once for digest and fingerprints."""
        return self._known()[0]

    def fingerprints(self) -> Tensor:
        """The fingerprints of `content`, int64 [N]."""
        return self._known()[1]

    def _known(self) -> tuple[str, Tensor]:
        if self._content is None:
            self._content = self.content()
        return self._content

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> "Rows":
        """Some of the rows, chosen by numbers, a mask or a slice; nothing is read."""
        view = copy.copy(self)
        view.chosen = self.numbers[index]
        view.shape = torch.Size([len(view.chosen), *self.shape[1:]])
        view._content = None
        return view

    @property
    def numbers(self) -> Tensor:
        """The numbers of the rows in the files."""
        return torch.arange(len(self)) if self.chosen is None else self.chosen

    @property
    def row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def index_select(self, dimension: int, index: Tensor) -> Tensor:
        """Rows in memory, as of a tensor; there is no other dimension than 0."""
        assert dimension == 0
        return self.read(index if self.chosen is None else self.chosen.index_select(0, index))

    def parts(self) -> Iterator[Tensor]:
        """All rows in order, a few megabytes at a time."""
        return ahead(lambda index: self.index_select(0, index), self._blocks())

    def _blocks(self) -> Sequence[Tensor]:
        """The places of the rows that are read at once."""
        return torch.arange(len(self)).split(max(1, BLOCK // max(1, self.row_bytes))) if len(self) else ()

    def load(self) -> Tensor:
        """All rows in memory."""
        x = torch.empty(self.shape, dtype=self.dtype)
        done = 0
        for part in self.parts():
            x[done : done + len(part)] = part
            done += len(part)
        return x


Inputs = Tensor | Rows
"""Inputs of a source or of examples: in memory, or in files."""


def parts_of(x: Inputs) -> Iterator[Tensor]:
    """Inputs in order, a few megabytes at a time."""
    return x.parts() if isinstance(x, Rows) else iter(x.split(max(1, BLOCK // max(1, x[:1].nbytes))))


def statistics(inputs: Iterable[Inputs]) -> tuple[float, float]:
    """Mean and standard deviation of all inputs together: of bytes on the scale [0, 1], of floats as they are."""
    sums = torch.zeros(3, dtype=torch.float64)  # of ones, of values, of their squares
    for part in (part for x in inputs for part in parts_of(x)):
        values = part.double() / (255 if part.dtype == torch.uint8 else 1)
        sums += torch.stack([torch.tensor(float(values.numel())), values.sum(), values.square().sum()])
    count, total, squares = sums.tolist()
    return round(total / count, 4), round((max(squares - total**2 / count, 0.0) / (count - 1)) ** 0.5, 4)


def ahead(read: Callable[[A], B], asked: Sequence[A], readers: int = READERS) -> Iterator[B]:
    """What `read` makes of each, in order; threads are a few ahead of who takes it, and never more."""
    pool = ThreadPoolExecutor(readers, thread_name_prefix="reader")
    try:
        rest = iter(asked)
        waiting: deque[Future[B]] = deque(pool.submit(read, each) for each in islice(rest, readers + 1))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(read, each) for each in islice(rest, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def room(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Memory for what is read; what is in it means nothing.

    A large piece goes back to the system with the tensor. That of the allocator would be kept, in pieces, in a heap for
    each thread that reads: a hundred megabytes for batches of large images.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < APART:
        return torch.empty(*shape, dtype=dtype)
    piece = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(piece, dtype=dtype).view(*shape)


def fingerprints_of(x: Inputs) -> Tensor:
    """The fingerprint of each input, int64 [N] (see `row_fingerprints`); of images that stay in files, of the file."""
    return x.fingerprints() if isinstance(x, Rows) else tensor_fingerprints(x)
