"""Experience replay with a reservoir memory (Chaudhry et al. 2019, "On tiny episodic memories")."""

from pydantic import NonNegativeInt, PositiveInt

from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, register


@register("rehearsal")
class Rehearsal(Strategy):
    """Experience replay: every step also trains on examples drawn from a reservoir of the stream.

    The memory is drawn from and then offered the step's own examples (Algorithm 1 of the paper), so it holds
    examples of the current task too. Every example of the stream is offered once, in the first pass over its
    task.

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many of them join each step; None for as many as the step has of its own.
    """

    paper = "Chaudhry et al. 2019, arXiv 1902.10486"
    needs = frozenset({"stored examples"})

    def __init__(
        self, network: Network, *, memory: NonNegativeInt = 1000, memory_batch: PositiveInt | None = None
    ) -> None:
        super().__init__(network)
        self.memory = Memory(memory)
        self.memory_batch = memory_batch

    def prepare(self, batch: Batch) -> Batch:
        if len(self.memory) == 0:
            prepared = batch
        else:
            prepared = batch.extended(*self.memory.draw(self.memory_batch or batch.fresh, self.generator))
        if batch.epoch == 0:
            self.memory.offer(batch.x, batch.y, batch.task, self.generator)
        return prepared
