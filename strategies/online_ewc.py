"""Online elastic weight consolidation (Schwarz et al. 2018, "Progress & compress")."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from scenarios.task import Task
from strategies.ewc import EWC
from strategies.networks.network import Network
from strategies.strategy import register


@register("online-ewc")
class OnlineEWC(EWC):
    """Online EWC: hold each weight where the last task left it; what earlier tasks need of it fades.

    The loss of task t gains ½ λ Σ_i γ F*_i (θ_i − θ*_i)² (eq. 8), with the weights θ* at the end of task t − 1
    and F* ← γ F* + F_{t−1} (eq. 9), F_k being the diagonal of the Fisher information of task k. What is stored
    as importance is γ F*, and θ*.

    The paper also scales each F_k to the same norm, which is not done here, nor in Mammoth's or van de Ven's
    code. Mammoth's `ewc_on` has no ½, and no γ in the penalty: its λ is 2 λ / γ here.

    Args:
        network: what is trained.
        strength: λ.
        fisher: as for `ewc`.
        samples: how many training examples of a task the information is estimated from.
        decay: γ: how much of what earlier tasks need is kept with each new one.
    """

    paper = "Schwarz et al. 2018, arXiv 1805.06370"
    needs = frozenset({"task boundaries"})

    def __init__(
        self,
        network: Network,
        *,
        strength: NonNegativeFloat = 100.0,
        fisher: Literal["true", "sampled", "empirical", "weighted"] = "true",
        samples: PositiveInt = 512,
        decay: Annotated[float, Field(ge=0, le=1)] = 0.9,
    ) -> None:
        super().__init__(network, strength=strength, fisher=fisher, samples=samples)
        self.decay = decay

    def end_task(self, task: Task) -> None:
        self.importance = self.decay * (self.importance + self.estimate(task))
        self.anchor = self.weights()
