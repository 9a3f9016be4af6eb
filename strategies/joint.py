"""Joint training: the upper bound."""

import copy

from scenarios.task import Task
from strategies.cumulative import Cumulative
from strategies.networks.network import Network
from strategies.strategy import register


@register("joint")
class Joint(Cumulative):
    """Keep all examples; with every task train from the first weights on all tasks so far at once.

    After task t the network is what training on tasks 1…t together gives, so every row of its accuracy
    matrix is the reference of intransigence (Chaudhry et al. 2018) and of HAT's forgetting ratio.

    It is bound by the budget, not by the stream: a budget in epochs is that many passes over all examples so far, made
    anew with every task, also where a stream passes once. With one or two passes it has not learned all there is to
    learn, and one that goes on from the weights it has (`cumulative`), or rehearses often, can end above it.
    """

    needs = frozenset({"stored examples"})

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.first = copy.deepcopy(network).requires_grad_(False)

    def start_task(self, task: Task) -> None:
        super().start_task(task)
        self.network.load_state_dict(self.first.state_dict())
