"""Frozen features: the lower bound of what is learned where nothing of the old may move."""

import torch
from torch import Tensor, nn

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, register


@register("frozen")
class Frozen(Strategy):
    """Frozen features: what the first task taught is kept as it is, and only the output layer goes on learning.

    SGD-F in Serrà et al. 2018. With outputs of its own for each task nothing is forgotten, and what is lacking to
    the other strategies' learning accuracy is what new features would have been worth. Where tasks share
    outputs, the output layer forgets.

    The gradients of all else become zero after the first task. Decoupled weight decay passes that by.

    Args:
        network: what is trained.
    """

    paper = "Serrà et al. 2018, arXiv 1801.01423"
    needs = frozenset({"task boundaries", "fresh optimiser"})
    free: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.output = {f"network.{name}" for name, _ in network.named_parameters() if name.startswith("output.")}
        self.register_buffer("free", torch.ones(()))

    def train(self, mode: bool = True) -> "Frozen":
        super().train(mode)
        if not self.free:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._NormBase):
                    module.eval()  # its averages are features too
        return self

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {name: gradient if name in self.output else gradient * self.free for name, gradient in gradients.items()}

    def end_task(self, task: Task) -> None:
        self.free = torch.zeros_like(self.free)
