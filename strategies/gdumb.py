"""Greedy sampler and dumb learner (Prabhu, Torr & Dokania 2020)."""

import copy
from bisect import insort

import torch
from pydantic import PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Phase, Strategy, register

READ = 256
"""Examples of the stream that are looked at together."""


@register("gdumb")
class GDumb(Strategy):
    """GDumb: keep a memory balanced over classes, and train on nothing else, from the first weights each time.

    The stream of a task goes by once, in random order, before training. Of k places every class y that has been
    seen is due k/|Y|, and an example is taken while its class has fewer; where the memory is full, a random
    example of the class that has most makes room (Algorithm 1). Then the network is set back to its first
    weights and trained on the memory, so that after a task it is a function of the memory alone, whatever was
    learned before. A class is a label within a task: where tasks share their labels (domain-incremental), which
    the paper leaves out, each task is due its part; else its memory would stay that of the first task.

    The authors train until nothing is gained, by a rate that falls from 0.05 to 0.0005 again and again in
    cycles of 1, 2, 4, … passes, with cut-and-mixed images where these are natural. Here the run's own optimiser
    trains, for `passes` times the budget of a task: with one epoch a task, `passes=256` is that many passes over
    the memory. A plateau schedule watches the memory. The copy of the first weights is counted as remembered.

    Args:
        network: what is trained.
        memory: k, how many examples are kept at most.
        passes: how many times the budget of a task is spent on the memory.
    """

    paper = "Prabhu et al. 2020, ECCV, GDumb"
    needs = frozenset({"task boundaries", "fresh optimiser", "stored examples"})

    def __init__(self, network: Network, *, memory: PositiveInt = 500, passes: PositiveInt = 1) -> None:
        super().__init__(network)
        self.memory = Greedy(memory)
        self.passes = passes
        self.first = copy.deepcopy(network).requires_grad_(False)

    def start_task(self, task: Task) -> None:
        order = torch.randperm(len(task.training), generator=self.generator)
        for x, y, at in task.training.batches(order, READ):
            self.memory.take(x, y, at, self.generator)
        self.network.load_state_dict(self.first.state_dict())

    def phases(self, task: Task) -> list[Phase]:
        examples = self.memory.examples()
        return [Phase(examples, validation=examples)] * self.passes


class Greedy(Memory):
    """A memory that is balanced over classes greedily (Algorithm 1)."""

    def take(self, x: Tensor, y: Tensor, task: Tensor, generator: torch.Generator) -> None:
        """See examples go by, one after the other; `task` is [1] or [N]."""
        capacity, size, task = self.capacity or 0, len(self), task.expand(len(y))
        held: dict[tuple[int, int], list[int]] = {}  # the places that each class has, in order
        for place, label in enumerate(zip(self.task.tolist(), self.y.tolist(), strict=True)):
            held.setdefault(label, []).append(place)
        taken: dict[int, int] = {}  # the last example put in each place that changes
        for row, label in enumerate(zip(task.tolist(), y.tolist(), strict=True)):
            own = held.setdefault(label, [])
            if own and len(own) >= capacity / len(held):
                continue
            if size < capacity:
                place, size = size, size + 1
            else:
                largest = held[min(held, key=lambda each: (-len(held[each]), each))]
                place = largest.pop(int(torch.randint(len(largest), (), generator=generator)))
            insort(own, place)
            taken[place] = row
        if taken:
            places = sorted(taken)
            rows = torch.tensor([taken[place] for place in places], device=y.device)
            given = {"x": x, "y": y, "task": task}
            self._write(places, {name: column.index_select(0, rows) for name, column in given.items()})
