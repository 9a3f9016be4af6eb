"""Averaged gradient episodic memory (Chaudhry et al. 2019, "Efficient lifelong learning with A-GEM")."""

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from strategies.episodic import Episodic, inner
from strategies.networks.network import Network
from strategies.strategy import Batch, Work, register


@register("a-gem")
class AGEM(Episodic):
    """A-GEM: no step may raise the loss on a random batch of what is remembered.

    Where the gradient g points against the reference gradient g_ref, that of the loss on examples drawn from
    the memories of all earlier tasks, it is projected so that it no longer does (eq. 11):

        g̃ = g − (gᵀ g_ref) / (g_refᵀ g_ref) · g_ref    if gᵀ g_ref < 0, else g

    A memory of a task is the first `memory` examples of its stream, which comes in random order; the authors
    draw as many of each class at the task's end (25 of each of ten classes for permuted MNIST). The examples
    of a reference batch are different ones, drawn evenly from all tasks before the current one.

    Args:
        network: what is trained.
        memory: how many examples are kept of each task.
        memory_batch: how many of them, of all earlier tasks together, the reference gradient is taken on.
    """

    paper = "Chaudhry et al. 2019, arXiv 1812.00420"

    def __init__(self, network: Network, *, memory: NonNegativeInt = 250, memory_batch: PositiveInt = 256) -> None:
        super().__init__(network, memory)
        self.memory_batch = memory_batch

    def prepare(self, batch: Batch) -> Batch:
        batch = super().prepare(batch)
        if len(self.past) == 0:
            return batch
        drawn = self.past.draw(self.memory_batch, self.generator)
        return batch._replace(extras=dict(zip(("reference_x", "reference_y", "reference_task"), drawn, strict=True)))

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        if "reference_y" not in batch.extras:
            return gradients
        x, y, task = (batch.extras[f"reference_{name}"] for name in ("x", "y", "task"))
        reference = self.gradients_on(batch._replace(x=x, y=y, task=task), gradients)
        length = inner(reference, reference).clamp(min=torch.finfo(torch.float32).tiny)
        against = inner(gradients, reference).clamp(max=0) / length
        return {name: gradient - against * reference[name] for name, gradient in gradients.items()}

    def step_work(self, batch: Batch) -> Work:
        examples = batch.y.shape[-1] + (batch.extras["reference_y"].shape[-1] if "reference_y" in batch.extras else 0)
        return Work(examples, examples)
