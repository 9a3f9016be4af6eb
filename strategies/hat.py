"""Hard attention to the task (Serrà et al. 2018)."""

from collections.abc import Iterator

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from scenarios.task import Task
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, register

LARGEST_EXPONENT = 50.0
"""s·e is clamped to ± this in the compensation of embedding gradients (authors' code: thres_cosh)."""

LARGEST_EMBEDDING = 6.0
"""Embeddings are kept within ± this (sec. 2.4; authors' code: thres_emb)."""


@register("hat")
class HAT(Strategy):
    """Hard attention to the task: each task learns which units it uses, and those are then kept still.

    Every hidden layer l has an embedding e of each task, drawn from N(0, 1). Its units are gated by
    a = σ(s·e) (eq. 1). Within each pass over a task s grows from 1/s_max to s_max (eq. 3), so that gates
    become hard. After task t the cumulative attention a^≤t is the larger of the old one and the gates at
    s = s_max. Gradients of a weight between units i (above) and j (below) are multiplied by
    1 − min(a_i^≤t, a_j^≤t) (eq. 2), those of a bias by 1 − a_i^≤t. The output layer needs no such mask:
    a task has outputs of its own.

    Only the current task's embeddings are parameters; those of earlier tasks are kept as buffers, so that a
    step costs the same after a hundred tasks as after one. A task that has not begun is answered through the
    gates of the newest one. Adaptive optimisers rescale what the masks damp, and decoupled weight decay passes
    them by; the paper trains with plain SGD.

    Args:
        network: what is trained; its gateable layers get the attention.
        sparsity: λ in the paper (c in the authors' code): the weight of the regulariser that keeps units
            free for later tasks (eq. 5).
        smax: the hardest gates; 1/smax the softest.
    """

    paper = "Serrà et al. 2018, arXiv 1801.01423"
    needs = frozenset({"task at test time", "task boundaries", "fresh optimiser"})

    def __init__(self, network: Network, *, sparsity: NonNegativeFloat = 0.75, smax: PositiveFloat = 400.0) -> None:
        super().__init__(network)
        self.sparsity = sparsity
        self.smax = smax
        self.embeddings = nn.ParameterList(torch.randn(1, units) for units in network.gateable)
        for layer, units in enumerate(network.gateable):
            self.register_buffer(f"earlier_{layer}", torch.empty(0, units))
            self.register_buffer(f"attended_{layer}", torch.zeros(units))

    @torch.no_grad()
    def start_task(self, task: Task) -> None:
        if task.index == 0:
            return
        for layer, embedding in enumerate(self.embeddings):
            setattr(self, f"earlier_{layer}", torch.cat([self.earlier(layer), embedding]))
            embedding.copy_(torch.randn(embedding.shape, generator=self.generator))

    def growth(self, tasks: int, sets: int) -> int:
        return 4 * sum(embedding.numel() for embedding in self.embeddings) * (tasks - 1)

    def earlier(self, layer: int) -> Tensor:
        """The embeddings of earlier tasks, [tasks, units]."""
        return self.get_buffer(f"earlier_{layer}")

    def attended(self) -> list[Tensor]:
        """The cumulative attention a^≤t of each layer, [units]."""
        return [self.get_buffer(f"attended_{layer}") for layer in range(len(self.embeddings))]

    def scale(self, batch: Batch) -> Tensor:
        """s: annealed with the progress of the pass while training, s_max otherwise (eq. 3)."""
        if not self.training:
            return self.smax * torch.ones_like(batch.progress)
        return 1 / self.smax + (self.smax - 1 / self.smax) * batch.progress

    def gates(self, batch: Batch) -> list[Tensor]:
        """The gates of each layer for a batch's tasks, [1, units] or [B, units] (eq. 1).

        While training all examples are of the current task.
        """
        chosen: list[Tensor] = list(self.embeddings)
        if not self.training:
            known = [torch.cat([self.earlier(layer), embedding]) for layer, embedding in enumerate(chosen)]
            chosen = [each.index_select(0, batch.task.clamp(max=len(each) - 1)) for each in known]
        return [torch.sigmoid(self.scale(batch) * embedding) for embedding in chosen]

    def forward(self, batch: Batch) -> Tensor:
        return batch.masked(self.network(batch.x, self.gates(batch)))

    def loss(self, batch: Batch) -> Tensor:
        gates = self.gates(batch)
        logits = batch.masked(self.network(batch.x, gates))
        return self.network.criterion(logits, batch.y) + self.sparsity * self.occupation(gates)

    def occupation(self, gates: list[Tensor]) -> Tensor:
        """The share of the free capacity that the gates take, R(A^t, A^<t) of eq. 5."""
        free = [1 - attended for attended in self.attended()]
        taken = torch.stack([(gate * room).sum(1).mean() for gate, room in zip(gates, free, strict=True)]).sum()
        return taken / torch.stack([room.sum() for room in free]).sum().clamp(min=1e-6)

    def adjust_gradients(self, gradients: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        adjusted = dict(gradients)
        for name, kept in self.protection({name: gradient.shape for name, gradient in gradients.items()}):
            adjusted[name] = gradients[name] * (1 - kept)
        scale = self.scale(batch)
        for layer, embedding in enumerate(self.embeddings):
            # Eq. 4: undo the annealing's effect on the size of the embeddings' gradients.
            exponent = (scale * embedding).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
            factor = self.smax * (exponent.cosh() + 1) / (scale * (embedding.cosh() + 1))
            adjusted[f"embeddings.{layer}"] = gradients[f"embeddings.{layer}"] * factor
        return adjusted

    def protection(self, shapes: dict[str, torch.Size]) -> Iterator[tuple[str, Tensor]]:
        """Parameter names, and how far each element is to be kept: min(a_i^≤t, a_j^≤t) (eq. 2)."""
        attended = self.attended()
        for name, (writes, reads) in self.network.connections.items():
            shape = shapes[f"network.{name}"]
            kept = attended[writes].reshape(-1, *[1] * (len(shape) - 1))
            if reads is not None:
                below = attended[reads].repeat_interleave(shape[1] // len(attended[reads]))
                kept = torch.minimum(kept, below.reshape(1, -1, *[1] * (len(shape) - 2)))
            yield f"network.{name}", kept

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        for embedding in self.embeddings:
            embedding.copy_(embedding.clamp(-LARGEST_EMBEDDING, LARGEST_EMBEDDING))

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        for attended, embedding in zip(self.attended(), self.embeddings, strict=True):
            attended.copy_(torch.maximum(attended, torch.sigmoid(self.smax * embedding[0])))
