"""Dark experience replay (Buzzega et al. 2020, "Dark experience for general continual learning")."""

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn.functional import mse_loss

from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, Work, register


@register("der")
class DER(Strategy):
    """Dark experience replay: hold the logits of remembered examples where they were when the examples came.

    With every example (x, z) of a reservoir its logits z are kept, and the loss is (eq. 6)
    L_ce(x, y) + α E ‖z − h_θ(x)‖², the second term over examples drawn from the memory. As in the authors'
    code the square is averaged over the outputs too, so α here is the paper's divided by their number.

    Kept are the network's own logits, of all outputs, before classes that are not active are masked, and they
    are all compared, as the authors do. Examples are drawn, then the step's own are offered with the logits
    that they have before the step. They are offered in every pass, so that the logits come from the whole of
    training; in later passes an example can be held twice. Where a task ends is not needed.

    Logits are found in evaluation mode, and only for those examples that are kept; the authors' are those of
    the step itself, which with dropout or normalisation over batches are others. What is drawn goes through
    the network together with the step's own examples, which with such a normalisation is not the same either.

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many of them join each step; None for as many as the step has of its own.
        alpha: α.
    """

    paper = "Buzzega et al. 2020, arXiv 2004.07211"
    needs = frozenset({"stored examples"})

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 1000,
        memory_batch: PositiveInt | None = None,
        alpha: NonNegativeFloat = 1.0,
    ) -> None:
        super().__init__(network)
        self.memory = Memory(memory, columns=("logits",))
        self.memory_batch = memory_batch
        self.alpha = alpha

    def prepare(self, batch: Batch) -> Batch:
        prepared = batch if len(self.memory) == 0 else self.rehearsed(batch, self.memory_batch or batch.fresh)
        self.memory.offer(batch.x, batch.y, batch.task, self.generator, logits=self.logits)
        return prepared

    def rehearsed(self, batch: Batch, size: int) -> Batch:
        """The batch, to be followed by examples from the memory, whose logits are handed to the loss."""
        x, y, task, logits = self.memory.draw(size, self.generator)
        return batch.extended(x, y, task)._replace(extras={"logits": logits})

    def example_bytes(self, x: Tensor) -> int:
        return super().example_bytes(x) + 4 * self.network.classes

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """What the network answers now, nothing masked."""
        training = self.network.training
        self.network.eval()
        found = self.network(x)
        self.network.train(training)
        self.work.add(Work(forward=len(x)))
        return found

    def loss(self, batch: Batch) -> Tensor:
        return self.losses(batch, self.network(batch.x))

    def losses(self, batch: Batch, raw: Tensor) -> Tensor:
        """Cross-entropy of the step's own examples, and what holds the logits of those that follow them."""
        own = self.network.criterion(batch.masked(raw)[: batch.fresh], batch.y[: batch.fresh])
        if "logits" not in batch.extras:
            return own
        kept = batch.extras["logits"]
        return own + self.alpha * mse_loss(raw[batch.fresh : batch.fresh + len(kept)], kept)


@register("der++")
class DERPlusPlus(DER):
    """Dark experience replay with labels: as `der`, and the labels of other remembered examples are learned too.

    The loss gains β L_ce(x″, y″) (eq. 7), over a second draw from the memory, independent of the first, as
    in the authors' code.

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many join each step in each of the two draws; None for as many as the step's own.
        alpha: α, of the logits, as in `der`.
        beta: β, of the labels.
    """

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 1000,
        memory_batch: PositiveInt | None = None,
        alpha: NonNegativeFloat = 1.0,
        beta: NonNegativeFloat = 0.5,
    ) -> None:
        super().__init__(network, memory=memory, memory_batch=memory_batch, alpha=alpha)
        self.beta = beta

    def rehearsed(self, batch: Batch, size: int) -> Batch:
        x, y, task, _ = self.memory.draw(size, self.generator)
        return super().rehearsed(batch, size).extended(x, y, task)

    def losses(self, batch: Batch, raw: Tensor) -> Tensor:
        loss = super().losses(batch, raw)
        if "logits" not in batch.extras:
            return loss
        second = batch.fresh + len(batch.extras["logits"])
        return loss + self.beta * self.network.criterion(batch.masked(raw)[second:], batch.y[second:])
