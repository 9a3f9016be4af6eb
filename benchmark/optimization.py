"""Optimisers and learning-rate schedules."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.spec import RunSpec


def build_optimizer(spec: RunSpec, parameters: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser a specification asks for, in torch's fused implementation: one call for all parameters.

    Only AdamW's decoupled weight decay is the optimiser's; L2 decay the trainer adds to the gradients. Either
    is for the network's parameters, not for those that a strategy adds.
    """
    trained = list(parameters.values())
    match spec.optimizer:
        case "sgd":
            return torch.optim.SGD(trained, spec.lr, spec.momentum, fused=True)
        case "adam":
            return torch.optim.Adam(trained, spec.lr, fused=True)
        case "adamw":
            network = [value for name, value in parameters.items() if name.startswith("network.")]
            added = [value for name, value in parameters.items() if not name.startswith("network.")]
            groups: list[dict[str, Any]] = [
                {"params": network},
                *([{"params": added, "weight_decay": 0.0}] if added else []),
            ]
            return torch.optim.AdamW(groups, spec.lr, weight_decay=spec.weight_decay, fused=True)


class Plateau:
    """Serrà et al. 2018: when the validation loss stalls, lower the learning rate; at its floor, stop.

    Attributes:
        best: the lowest validation loss so far.
        weights: those of the pass that had it.
        stopped: whether training should end.
    """

    FACTOR = 3.0
    PATIENCE = 5
    LOWEST = 1e-4

    def __init__(self, optimizer: torch.optim.Optimizer, model: nn.Module, spec: RunSpec) -> None:
        self.optimizer = optimizer
        self.model = model
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
        self.optimizer.state.clear()  # the authors make a new optimiser at every drop
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
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr

    def _tensors(self) -> list[Tensor]:
        """What a pass changes: what is trained, and the network's own running averages."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return [*trained, *self.model.get_submodule("network").buffers()]
