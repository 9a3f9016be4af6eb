"""Experience replay with asymmetric cross-entropy (Caccia et al. 2022, "New insights on reducing abrupt change")."""

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from strategies.memory import Policy
from strategies.networks.network import Network
from strategies.rehearsal import Rehearsal, Weighting
from strategies.strategy import Batch, register


@register("er-ace")
class ERACE(Rehearsal):
    """Experience replay in which new examples do not push the logits of old classes down.

    The examples of the stream compete only among the classes C present in their batch, those of the memory
    among all: L_ace = L_ce(X_in, C) + L_ce(X_bf, C_old ∪ C). So the logit of an old class is lowered by
    examples of the memory alone, and its representation does not change abruptly at the first batch of a task.

    The memory is filled as in `rehearsal`, from the stream; where a task ends is not needed. In the authors'
    code, and in Mammoth, classes beyond the largest seen so far compete in the first term as well, which here
    they do not; Mammoth also has a cosine classifier, and both Mammoth and Avalanche leave the first task
    plain. Avalanche halves the sum (weighting "examples"), and balances classes.

    Where all tasks share their classes nothing is masked, and the strategy is `rehearsal` with weighting "sum".

    Args:
        network: what is trained.
        memory: how many examples are kept at most, of all tasks together.
        memory_batch: how many of them join each step; None for as many as the step has of its own.
        policy: which examples are kept (see `Memory`).
        weighting: of the two terms (see `Rehearsal`).
    """

    paper = "Caccia et al. 2022, arXiv 2104.05025"

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 1000,
        memory_batch: PositiveInt | None = None,
        policy: Policy = "reservoir",
        weighting: Weighting = "sum",
    ) -> None:
        super().__init__(network, memory=memory, memory_batch=memory_batch, policy=policy, weighting=weighting)

    def loss(self, batch: Batch) -> Tensor:
        logits, y, fresh = self(batch), batch.y, batch.fresh
        present = (y[:fresh, None] == torch.arange(logits.shape[1], device=y.device)).any(0)
        own = self.network.criterion(torch.where(present, logits[:fresh], -torch.inf), y[:fresh])
        if len(y) == fresh:
            return own
        return self.weighted(own, self.network.criterion(logits[fresh:], y[fresh:]), batch)
