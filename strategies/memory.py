"""A store of examples, of bounded size, held in buffers."""

from collections.abc import Callable, Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from scenarios.errors import RequestError
from scenarios.examples import TensorExamples

Policy = Literal["reservoir", "class-balanced", "ring"]
"""Which of the examples offered are kept; see `Memory`."""

Column = Tensor | Callable[[Tensor], Tensor]
"""Values of the rows offered [N, …], or a function that finds those of the inputs it is given."""

COUNTED = ("y", "task", "arrived")
"""Columns of whole numbers."""


class Memory(nn.Module):
    """Examples kept for later, each with its label and its task, and with whatever else is to be remembered.

    Of the examples that are offered, the policy says which are kept:

    - "reservoir" (Vitter 1985): each of the stream with the same probability;
    - "class-balanced" (Chrysakis & Moens 2020, "Online continual learning from imbalanced data", Algorithm 1):
      as many of each class as there is room for, and within a class each with the same probability. While the
      memory is full, an example of a class that has less than its part takes the place of a random one of the
      largest class. A class has its part once it holds as many as the largest, or one less. (The authors
      remember which classes have ever been the largest instead; once one has, it stays within one of it.)
    - "ring" (Chaudhry et al. 2019): the latest of each class, first in, first out. The authors divide the
      memory by the number of all classes to come; here, as above, by those that have come.

    A class is a label within a task: in a domain-incremental sequence, where all tasks share their labels, each
    task has its part.

    Args:
        capacity: the largest number of examples ever held; None for no bound, and nothing offered.
        policy: as above.
        per_class: at most so many of each class, besides the bound of all; not for a reservoir.
        columns: names of further tensors, one row an example.

    Attributes:
        x, y, task: what is held, one row an example; further columns likewise, by name.
        offered: how many examples have been offered so far.
        classes: unless in a reservoir, those that have been offered, one row each: task, label, how many examples
            of it have been offered, and how many are held.
        arrived: with "ring", the number in the stream of each example that is held.

    Raises:
        RequestError: for a reservoir with so many a class.
    """

    x: Tensor
    y: Tensor
    task: Tensor
    offered: Tensor
    classes: Tensor
    arrived: Tensor

    def __init__(
        self,
        capacity: int | None,
        *,
        policy: Policy = "reservoir",
        per_class: int | None = None,
        columns: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if per_class is not None and policy == "reservoir":
            raise RequestError("a reservoir does not look at classes: with per_class, policy is class-balanced or ring")
        self.capacity = capacity
        self.policy = policy
        self.per_class = per_class
        self.given = ("x", "y", "task", *columns)
        self.columns = (*self.given, *(("arrived",) if policy == "ring" else ()))
        for name in self.columns:
            self.register_buffer(name, torch.empty(0, dtype=torch.long if name in COUNTED else None))
        self.register_buffer("offered", torch.zeros((), dtype=torch.long))
        if policy != "reservoir":
            self.register_buffer("classes", torch.empty(0, 4, dtype=torch.long))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its buffers by name: as an attribute each takes a module a microsecond to find, which adds up in a step."""
        return cast("dict[str, Tensor]", self._buffers)

    def __len__(self) -> int:
        return len(self.tensors["y"])

    def add(self, x: Tensor, y: Tensor, task: Tensor, **columns: Tensor) -> None:
        """Append examples; `task` is [1] or [N].

        Raises:
            ValueError: where that would exceed the capacity.
        """
        if self.capacity is not None and len(self) + len(y) > self.capacity:
            raise ValueError(f"{len(y)} more examples do not fit in a memory of {self.capacity}")
        device, first = self.y.device, len(self) == 0
        for name, rows in {"x": x, "y": y, "task": task.expand(len(y)), **columns}.items():
            rows = rows.to(device)
            setattr(self, name, rows.clone() if first else torch.cat([getattr(self, name), rows]))

    def offer(self, x: Tensor, y: Tensor, task: Tensor, generator: torch.Generator, **columns: Column) -> None:
        """Keep those of a stream's next examples that the policy chooses, in place of others where it is full.

        Args:
            x, y: inputs and labels [N].
            task: [1] or [N].
            generator: of the policy's random numbers.
            columns: every further column; what is dear to find is best given as a function.
        """
        assert self.capacity is not None, "a memory without a bound keeps everything: use add"
        size, first = len(y), int(self.tensors["offered"])
        self.tensors["offered"].add_(size)
        if self.policy == "reservoir":
            kept = self._reservoir(first, size, generator)
        else:
            kept = self._by_class(y.tolist(), task.expand(size).tolist(), generator)
        if not kept:
            return
        found = {"x": x, "y": y, "task": task.expand(size)}
        if self.policy == "ring":
            found["arrived"] = torch.arange(first, first + size, device=y.device)
        found |= {name: column for name, column in columns.items() if isinstance(column, Tensor)}
        if len(kept) < size:  # otherwise all are kept, in their order
            rows = torch.tensor(list(kept.values()), device=y.device)
            found = {name: column.index_select(0, rows) for name, column in found.items()}
        for name, column in columns.items():
            if not isinstance(column, Tensor):
                found[name] = column(found["x"])
        self._write(list(kept), found)

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Inputs, labels, tasks and further columns of `size` different examples held, at random.

        Of all where there are fewer; with `per_class`, some of them repeatedly instead: how many are held hangs
        on the order of the stream then, and replicas need as many as each other.
        """
        chosen = torch.randperm(len(self), generator=generator)[:size]
        if self.per_class and len(chosen) < size:
            chosen = chosen.repeat(-(-size // len(chosen)))[:size]
        return self.rows(chosen)

    def rows(self, chosen: Tensor) -> tuple[Tensor, ...]:
        """Inputs, labels, tasks and further columns of the examples at these places."""
        tensors = self.tensors
        at = chosen.to(tensors["y"].device)
        return tuple([tensors[name].index_select(0, at) for name in self.given])

    def examples(self) -> TensorExamples:
        """All that is held, to train on."""
        return TensorExamples(self.x, self.y, self.task)

    def _reservoir(self, first: int, size: int, generator: torch.Generator) -> dict[int, int]:
        """Which of the next examples of the stream take which place: rows by places.

        The example that is number n of the stream (from 0) takes a free place while there is one; then it
        takes a random place of 0…n, and is dropped if that lies beyond the capacity.
        """
        assert self.capacity is not None
        held, capacity = len(self), self.capacity
        free = max(min(capacity - held, size), 0)
        kept = {held + row: row for row in range(free)}
        if free == size or capacity == 0:
            return kept
        draws = torch.rand(size - free, generator=generator, dtype=torch.float64).tolist()
        for row, drawn in enumerate(draws, free):
            place = drawn * (first + row + 1)
            if place < capacity:
                kept[int(place)] = row  # the last one for a place, as one at a time would leave it
        return kept

    def _by_class(self, labels: list[int], tasks: list[int], generator: torch.Generator) -> dict[int, int]:
        """Rows by places, as above, for the policies that balance classes."""
        assert self.capacity is not None
        ring, held, kept = self.policy == "ring", len(self), dict[int, int]()
        share = self.capacity if self.per_class is None else self.per_class
        counts = {(task, label): [offered, here] for task, label, offered, here in self.classes.tolist()}
        places: dict[tuple[int, int], list[int]] = {}

        def places_of(name: tuple[int, int]) -> list[int]:
            if name not in places:
                at = ((self.task == name[0]) & (self.y == name[1])).nonzero().squeeze(1)
                places[name] = (at[self.arrived[at].argsort()] if ring else at).tolist()
            return places[name]

        # Two numbers a row: whether it stays, and whose place it takes. A ring needs neither.
        draws = torch.rand(len(labels), 2, generator=generator, dtype=torch.float64).tolist()
        for row, (name, (drawn, which)) in enumerate(zip(zip(tasks, labels, strict=True), draws, strict=True)):
            own = counts.setdefault(name, [0, 0])
            own[0] += 1
            largest = max(counts, key=lambda name: counts[name][1])
            giving = None
            if own[1] < share and held < self.capacity:
                held += 1
            elif own[1] < share and counts[largest][1] > own[1] + 1:
                giving = largest
            elif own[1] and (ring or drawn * own[0] < own[1]):
                giving = name
            else:
                continue
            if giving is None:
                place = held - 1
            else:
                theirs = places_of(giving)
                place = theirs.pop(0 if ring else int(which * len(theirs)))
                counts[giving][1] -= 1
            own[1] += 1
            places_of(name).append(place)
            kept[place] = row
        self.classes = torch.tensor([[*name, *count] for name, count in counts.items()], device=self.y.device)
        return kept

    def _write(self, places: list[int], found: Mapping[str, Tensor]) -> None:
        """Put rows where they belong: beyond the end, in order, those that find a place free."""
        held = len(self)
        old = sum(place < held for place in places)
        if old == 0:
            self.add(**found)
            return
        if old < len(places):
            order = sorted(range(len(places)), key=places.__getitem__)
            places, found = (
                [places[index] for index in order],
                {name: rows[order] for name, rows in found.items()},
            )
            self.add(**{name: rows[old:] for name, rows in found.items()})
            found = {name: rows[:old] for name, rows in found.items()}
        at = torch.tensor(places[:old], device=self.y.device)
        for name, rows in found.items():
            self.tensors[name].index_copy_(0, at, rows.to(at.device))
