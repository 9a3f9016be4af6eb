"""Joint training: the upper bound."""

import copy

import torch

from scenarios.task import Task
from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Phase, Strategy, register


@register("joint")
class Joint(Strategy):
    """Keep all examples; with every task train from the first weights on all tasks so far at once.

    After task t the network is what training on tasks 1…t together gives, so every row of its accuracy
    matrix is the reference of intransigence (Chaudhry et al. 2018) and of HAT's forgetting ratio.
    """

    needs = frozenset({"stored examples"})

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.memory = Memory(None)
        self.held_out = Memory(None)
        self.first = copy.deepcopy(network).requires_grad_(False)

    def start_task(self, task: Task) -> None:
        for memory, examples in ((self.memory, task.training), (self.held_out, task.validation)):
            if len(examples):
                memory.add(*examples.batch(torch.arange(len(examples))), examples.task)
        self.network.load_state_dict(self.first.state_dict())

    def phases(self, task: Task) -> list[Phase]:
        return [Phase(self.memory.examples(), task.index + 1, self.held_out.examples())]
