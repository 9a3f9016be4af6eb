"""Cumulative training: all examples, without beginning again."""

import torch

from scenarios.task import Task
from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Phase, Strategy, register


@register("cumulative")
class Cumulative(Strategy):
    """Keep all examples; with every task go on training from the present weights, on all tasks so far at once.

    Nothing is forgotten for want of examples. Where it falls behind joint training, which begins anew with every
    task, the weights it began from were in the way. Where it ends above, the budget of one task was too small for
    joint training to learn all of them: of T tasks, examples of task t are gone through T − t + 1 times as often here.
    """

    needs = frozenset({"stored examples"})

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.memory = Memory(None)
        self.held_out = Memory(None)

    def start_task(self, task: Task) -> None:
        for memory, examples in ((self.memory, task.training), (self.held_out, task.validation)):
            if len(examples):
                memory.add(*examples.batch(torch.arange(len(examples))), examples.task)

    def phases(self, task: Task) -> list[Phase]:
        return [Phase(self.memory.examples(), task.index + 1, self.held_out.examples())]
