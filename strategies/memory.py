"""A store of examples, of bounded size, held in buffers."""

import torch
from torch import Tensor, nn

from scenarios.task import TensorExamples


class Memory(nn.Module):
    """Examples kept for later, each with its label and its task.

    Args:
        capacity: the largest number of examples ever held; None for no bound.

    Attributes:
        x, y, task: what is held, one row an example.
        offered: how many examples have been offered to `sample_stream` so far.
    """

    x: Tensor
    y: Tensor
    task: Tensor
    offered: Tensor

    def __init__(self, capacity: int | None) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("x", torch.empty(0))
        self.register_buffer("y", torch.empty(0, dtype=torch.long))
        self.register_buffer("task", torch.empty(0, dtype=torch.long))
        self.register_buffer("offered", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return len(self.y)

    def add(self, x: Tensor, y: Tensor, task: Tensor) -> None:
        """Append examples; `task` is [1] or [N].

        Raises:
            ValueError: where that would exceed the capacity.
        """
        if self.capacity is not None and len(self) + len(y) > self.capacity:
            raise ValueError(f"{len(y)} more examples do not fit in a memory of {self.capacity}")
        device = self.y.device
        self.x = torch.cat([self.x, x.to(device)]) if len(self) else x.to(device, copy=True)
        self.y = torch.cat([self.y, y.to(device)])
        self.task = torch.cat([self.task, task.expand(len(y)).to(device)])

    def offer(self, x: Tensor, y: Tensor, task: Tensor, generator: torch.Generator) -> None:
        """Reservoir sampling (Vitter 1985): keep each example of a stream with the same probability.

        The example that is number n of the stream (from 0) takes a free place while there is one; then it
        takes a random place of 0…n, and is dropped if that lies beyond the capacity.
        """
        assert self.capacity is not None, "a memory without a bound keeps everything: use add"
        size, first = len(y), int(self.offered)
        self.offered.add_(size)
        free = max(min(self.capacity - len(self), size), 0)
        if free:
            self.add(x[:free], y[:free], task[:free] if len(task) > 1 else task)
        if free == size or self.capacity == 0:
            return
        draws = torch.rand(size - free, generator=generator, dtype=torch.float64).tolist()
        kept: dict[int, int] = {}  # the last example drawn for a place, as one at a time would leave it
        for row, drawn in enumerate(draws, free):
            place = int(drawn * (first + row + 1))
            if place < self.capacity:
                kept[place] = row
        if kept:
            at, rows = torch.tensor([list(kept), list(kept.values())], device=y.device)
            for held, offered in (self.x, x), (self.y, y), (self.task, task.expand(size)):
                held.index_copy_(0, at.to(held.device), offered.index_select(0, rows).to(held.device))

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, labels and tasks of `size` different examples held, or of all where there are fewer."""
        chosen = torch.randperm(len(self), generator=generator)[:size].to(self.y.device)
        x, y, task = (tensor.index_select(0, chosen) for tensor in (self.x, self.y, self.task))
        return x, y, task

    def examples(self) -> TensorExamples:
        """All that is held, to train on."""
        return TensorExamples(self.x, self.y, self.task)
