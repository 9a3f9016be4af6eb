"""Optimisers and learning-rate schedules."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.spec import RunSpec

Named = Mapping[str, Tensor]


class Optimizer:
    """SGD, Adam or AdamW, by the formulas of `torch.optim`, over all parameters at once.

    Written out because one update has to serve a run alone, replicas stacked along a first dimension with a
    rate each, and the compiler, for which a rate that changes must be a tensor.

    L2 decay joins the gradients before the strategy adjusts them (`decayed`), so that what is protected stays
    still; AdamW's decoupled decay is part of the update. Either is for the network's parameters: a strategy's
    own do not decay, as old tasks' embeddings have to stay.

    Args:
        spec: which optimiser, and its settings.
        parameters: what it updates, by name.
        replicas: how many are stacked in each parameter; None where they are not.

    Attributes:
        rate: the learning rate, a scalar or [replicas].
        state: what it remembers, by slot and parameter, and the steps counted.
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, spec: RunSpec, parameters: Named, replicas: int | None = None) -> None:
        device = next(iter(parameters.values())).device
        shape = () if replicas is None else (replicas,)
        self.spec = spec
        self.rate = torch.full(shape, spec.lr, device=device)
        slots = {"sgd": ("momentum",) if spec.momentum else ()}.get(spec.optimizer, ("mean", "square"))
        self.state = {f"{slot}/{name}": torch.zeros_like(value) for slot in slots for name, value in parameters.items()}
        if spec.optimizer != "sgd":
            self.state["steps"] = torch.zeros(shape, device=device)

    def decayed(self, gradients: dict[str, Tensor], parameters: Named) -> dict[str, Tensor]:
        """The gradients with that of L2 decay."""
        decay = self.spec.weight_decay
        if not decay or self.spec.optimizer == "adamw":
            return gradients
        return {
            name: gradient + decay * parameters[name].detach() if name.startswith("network.") else gradient
            for name, gradient in gradients.items()
        }

    @torch.no_grad()
    def update(self, parameters: Named, gradients: Named) -> None:
        """One step, in place: of the parameters and of the state."""
        values, along = list(parameters.values()), [gradients[name] for name in parameters]
        if self.spec.optimizer != "sgd":
            self._adapt(values, along, [name.startswith("network.") for name in parameters])
            return
        if self.spec.momentum:
            momentum = self._slot("momentum", parameters)
            torch._foreach_mul_(momentum, self.spec.momentum)
            torch._foreach_add_(momentum, along)
            along = momentum
        torch._foreach_addcmul_(values, along, self._each(self.rate, values), value=-1)

    def _adapt(self, values: list[Tensor], gradients: list[Tensor], decays: list[bool]) -> None:
        """Adam (Kingma & Ba 2015), with decoupled decay where it is AdamW (Loshchilov & Hutter 2019)."""
        names = [key.removeprefix("mean/") for key in self.state if key.startswith("mean/")]
        mean, square = (self._slot(slot, names) for slot in ("mean", "square"))
        first, second = self.BETAS
        if self.spec.optimizer == "adamw":
            decayed = [value for value, decay in zip(values, decays, strict=True) if decay]
            torch._foreach_mul_(decayed, self._each(1 - self.rate * self.spec.weight_decay, decayed))
        self.state["steps"].add_(1)
        torch._foreach_lerp_(mean, gradients, 1 - first)
        torch._foreach_mul_(square, second)
        torch._foreach_addcmul_(square, gradients, gradients, value=1 - second)
        deviation = torch._foreach_sqrt(square)
        torch._foreach_div_(deviation, self._each((1 - second ** self.state["steps"]).sqrt(), values))
        torch._foreach_add_(deviation, self.EPSILON)
        step = torch._foreach_div(mean, deviation)
        size = self.rate / (1 - first ** self.state["steps"])
        torch._foreach_addcmul_(values, step, self._each(size, values), value=-1)

    def _slot(self, slot: str, names: Any) -> list[Tensor]:
        return [self.state[f"{slot}/{name}"] for name in names]

    @staticmethod
    def _each(factor: Tensor, values: list[Tensor]) -> list[Tensor]:
        """A scalar, or a number a replica, in a form that multiplies each of the values."""
        if factor.ndim == 0:
            return [factor] * len(values)
        return [factor.reshape(-1, *[1] * (value.ndim - 1)) for value in values]

    def rows(self, replica: int) -> list[Tensor]:
        """The rate and the state of one replica, as parts of what is stacked."""
        return [each if self.rate.ndim == 0 else each[replica] for each in (self.rate, *self.state.values())]


class Plateau:
    """Serrà et al. 2018: when the validation loss stalls, lower the learning rate; at its floor, stop.

    Args:
        optimizer: whose rate it sets.
        model: whose weights it keeps.
        spec: for the first rate.
        replica: which of the stacked ones it watches.

    Attributes:
        best: the lowest validation loss so far.
        weights: those of the pass that had it.
        stopped: whether training should end.
    """

    FACTOR = 3.0
    PATIENCE = 5
    LOWEST = 1e-4

    def __init__(self, optimizer: Optimizer, model: nn.Module, spec: RunSpec, replica: int = 0) -> None:
        self.optimizer = optimizer
        self.model = model
        self.replica = replica
        self.lr = spec.lr
        self.best = float("inf")
        self.patience = self.PATIENCE
        self.stopped = False
        self.weights: list[Tensor] = []
        self._set_rate()

    def passed(self, loss: float) -> None:
        """A pass over the examples ended with this validation loss."""
        if loss < self.best:
            self.best = loss
            self.patience = self.PATIENCE
            self.weights = [tensor.detach().clone() for tensor in self._tensors()]
            return
        self.patience -= 1
        if self.patience > 0:
            return
        self.lr /= self.FACTOR
        self.patience = self.PATIENCE
        self.stopped = self.lr < self.LOWEST
        for state in self.optimizer.rows(self.replica):
            state.zero_()  # the authors make a new optimiser at every drop
        self._set_rate()

    def finish(self) -> None:
        """Put back the weights of the best pass."""
        with torch.no_grad():
            for tensor, kept in zip(self._tensors(), self.weights, strict=bool(self.weights)):
                tensor.copy_(kept)

    def facts(self) -> dict[str, float]:
        """Its state, but for the weights."""
        return {"best": self.best, "lr": self.lr, "patience": self.patience, "stopped": self.stopped}

    def restore(self, facts: dict[str, Any], weights: list[Tensor]) -> None:
        """Take on a state."""
        self.best, self.lr, self.patience, self.stopped = (
            facts[name] for name in ("best", "lr", "patience", "stopped")
        )
        self.weights = weights
        self._set_rate()

    def _set_rate(self) -> None:
        self.optimizer.rows(self.replica)[0].fill_(self.lr)

    def _tensors(self) -> list[Tensor]:
        """What a pass changes: what is trained, and the network's own running averages."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return [*trained, *self.model.get_submodule("network").buffers()]
