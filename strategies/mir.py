"""Maximally interfered retrieval (Aljundi et al. 2019)."""

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.func import functional_call

from strategies.networks.network import Network
from strategies.rehearsal import Rehearsal
from strategies.strategy import Batch, Work, register


@register("mir")
class MIR(Rehearsal):
    """Experience replay of the examples that the coming step would harm most.

    Of candidates drawn from a reservoir those join the step whose loss would rise most by a step on the
    stream's examples alone (Section 3.1): with θ^v = θ − α ∇L(f_θ(X_t), Y_t), those with the largest
    s(x) = l(f_θ^v(x), y) − l(f_θ(x), y). The step then minimises the sum of the mean loss of the stream's
    examples and of that of the chosen.

    As in the authors' code candidates come from earlier tasks, and the first task is not rehearsed: that needs
    to know which task an example is from. Where earlier tasks hold fewer than are asked for, examples of the
    current one fill up. Their criterion MI-2, which compares with the lowest loss so far, is left out.

    Candidates are judged in evaluation mode: running averages of the network and its random numbers are the
    step's own.

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many of them join each step; None for as many as the step has of its own.
        candidates: of how many drawn they are chosen (the authors: 50); never fewer than join.
        rate: α, the length of the step that is tried: the learning rate, for plain gradient descent.
    """

    paper = "Aljundi et al. 2019, arXiv 1908.04742"
    needs = frozenset({"stored examples", "task boundaries"})

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 1000,
        memory_batch: PositiveInt | None = None,
        candidates: PositiveInt = 50,
        rate: PositiveFloat = 0.1,
    ) -> None:
        super().__init__(network, memory=memory, memory_batch=memory_batch, weighting="sum")
        self.candidates = candidates
        self.rate = rate

    def rehearsed(self, batch: Batch, size: int) -> Batch:
        task = int(batch.task[0])
        if task == 0:
            return batch
        order = torch.randperm(len(self.memory), generator=self.generator).to(batch.y.device)
        own = self.memory.task.index_select(0, order) == task
        chosen = order[own.argsort(stable=True)[: max(size, self.candidates)]]
        if len(chosen) > size:
            chosen = chosen[self.rise(batch, *self.memory.rows(chosen)).topk(size).indices]
        x, y, tasks = self.memory.rows(chosen)
        return batch.extended(x, y, tasks)

    def rise(self, batch: Batch, x: Tensor, y: Tensor, task: Tensor) -> Tensor:
        """By how much the loss of each candidate would rise; those of the current task come last."""
        training = self.network.training
        self.network.eval()
        weights = {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}
        with torch.enable_grad():
            loss = self.network.criterion(self(batch), batch.y)
            slopes = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
        tried = {
            name: weight - self.rate * slope for (name, weight), slope in zip(weights.items(), slopes, strict=True)
        }
        candidates = self.batch(x, y, task)
        with torch.no_grad():
            after = candidates.masked(functional_call(self.network, tried, (x,)))
            rise = self.network.criterion(after, y, reduction="none") - self.network.criterion(
                self(candidates), y, reduction="none"
            )
        self.network.train(training)
        self.work.add(Work(forward=len(batch.y) + 2 * len(y), backward=len(batch.y)))
        return torch.where(task == batch.task[0], -torch.inf, rise)
