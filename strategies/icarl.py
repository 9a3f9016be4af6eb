"""Incremental classifier and representation learning, iCaRL (Rebuffi et al. 2017)."""

import copy
from typing import Self

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize, softplus

from scenarios.task import Task
from strategies.memory import Memory
from strategies.networks.network import Network
from strategies.strategy import Batch, Phase, Strategy, Work, register

READ = 1000
"""Examples whose features are found at once."""

FURTHEST = 4.0
"""The squared distance of two vectors of length 1 is never more."""


@register("icarl")
class ICaRL(Strategy):
    """iCaRL: answer with the nearest mean of chosen examples; train the features on these and distil the old outputs.

    Stored are exemplars of each class, K/t of each of t classes, and a network as it was after the last task.

    - Answering (Algorithm 1): φ(x) being the features of x scaled to length 1, and μ_y the mean of φ over the
      exemplars of class y, again of length 1, the answer is argmin_y ‖φ(x) − μ_y‖. Logits are −‖φ(x) − μ_y‖².
    - Training (Algorithm 3): on the task's examples and all exemplars, with a sigmoid g_y for each class,
      the loss of an example is Σ_y BCE(g_y(x), target_y), where the target of a class known before the task is
      what the old network says, q_y = g_y^old(x), and of others whether y is its label.
    - Choosing (Algorithm 4, herding): exemplar k of a class is the example that brings the mean of φ over the
      first k nearest to the mean over all; fewer are the first of them (Algorithm 5).

    The authors' code takes the mean over outputs where the paper has the sum, with a rate of 2.0, which is a rate
    of 0.02 here for its 100 outputs. It also averages μ_y with the mean of mirrored exemplars (`mirrored`), as it
    trains on mirrored images; Avalanche does so too, without training on them.

    A class is a label within a task. Class-incremental that is just a class. In a domain-incremental sequence
    every label is brought by the current task too, so that nothing is distilled (the paper's target would
    overrule the labels), each task has exemplars of its own, and the answer is the class of the nearest of all
    means. Task-incremental, the old outputs are distilled on every example, whatever its task. A class that has no
    exemplars yet, as those of the current task until its end, is further than any that has; such classes are
    ordered by the network's outputs. Means are those after the last task.

    Args:
        network: what is trained.
        memory: K, how many exemplars there are at most, of all classes together.
        per_class: how many of each class, however many classes there are; `memory` is then not looked at.
        mirrored: whether means are those of exemplars and of their mirror images, where inputs are images.
    """

    paper = "Rebuffi et al. 2017, arXiv 1611.07725"
    needs = frozenset({"task boundaries", "stored examples", "one output a class"})

    distilled: Tensor
    sets: Tensor
    means: Tensor
    labels: Tensor

    def __init__(
        self,
        network: Network,
        *,
        memory: NonNegativeInt = 2000,
        per_class: PositiveInt | None = None,
        mirrored: bool = False,
    ) -> None:
        super().__init__(network)
        self.memory = Memory(memory if per_class is None else None)
        self.per_class = per_class
        self.mirrored = mirrored
        self.old = copy.deepcopy(network).requires_grad_(False)
        classes, features = network.output.weight.shape
        self.register_buffer("distilled", torch.zeros(classes, dtype=torch.bool))
        self.register_buffer("sets", torch.zeros((), dtype=torch.long))
        self.register_buffer("means", torch.empty(0, features))
        self.register_buffer("labels", torch.empty(0, dtype=torch.long))

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.old.eval()
        return self

    def start_task(self, task: Task) -> None:
        self.distilled[list(task.classes)] = False

    def phases(self, task: Task) -> list[Phase]:
        if len(self.memory) == 0:
            return [Phase(task.training)]
        everything = torch.arange(len(task.training))
        x, y = task.training.batch(everything)
        at = task.training.tasks(everything).expand(len(y))
        joined = Memory(None).to(self.means.device)
        joined.add(x, y, at)
        joined.add(self.memory.x, self.memory.y, self.memory.task)
        return [Phase(joined.examples())]

    def loss(self, batch: Batch) -> Tensor:
        outputs = self.network(batch.x)
        with torch.no_grad():
            remembered = self.old(batch.x).sigmoid()
        own = batch.y[:, None] == torch.arange(outputs.shape[1], device=outputs.device)
        targets = torch.where(self.distilled, remembered, own.to(outputs.dtype))
        each = binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        return torch.where(batch.active | self.distilled, each, 0.0).sum(1).mean()

    def step_work(self, batch: Batch) -> Work:
        return Work(2 * batch.y.shape[-1], batch.y.shape[-1])

    def growth(self, tasks: int, sets: int) -> int:
        return sets * (4 * self.network.output.in_features + 8)

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        training = self.training
        self.eval()
        self.choose(task)
        self.average()
        self.old.load_state_dict(self.network.state_dict())
        self.distilled[list(task.classes)] = True
        self.train(training)

    def choose(self, task: Task) -> None:
        """Leave each class its share of exemplars, and add those of the task's."""
        self.sets += len(task.classes)
        share = self.per_class or (self.memory.capacity or 0) // int(self.sets)
        held, self.memory = self.memory, Memory(self.memory.capacity).to(self.means.device)
        for rows in torch.arange(len(held)).split(set_sizes(held)):
            self.memory.add(*(part[rows[:share]] for part in (held.x, held.y, held.task)))
        everything = torch.arange(len(task.training))
        parts = [(self.directions(x), y) for x, y, _ in task.training.batches(everything, READ)]
        features, y = (torch.cat(each) for each in zip(*parts, strict=True))
        for label in task.classes:
            rows = (y == label).nonzero().squeeze(1)
            chosen = rows[herded(features[rows.to(features.device)], share).to(rows.device)]
            self.memory.add(*task.training.batch(chosen), task.training.tasks(chosen))

    def average(self) -> None:
        """Find the mean of each set of exemplars."""
        sizes = set_sizes(self.memory)
        if not sizes:
            self.means, self.labels = self.means[:0], self.labels[:0]
            return
        features = torch.cat([self.directions(x) for x in self.memory.x.split(READ)])
        if self.mirrored and self.memory.x.ndim == 4:
            features = features + torch.cat([self.directions(x.flip(-1)) for x in self.memory.x.split(READ)])
        self.means = torch.stack([normalize(part.mean(0), dim=0) for part in features.split(sizes)])
        self.labels = self.memory.y[torch.tensor(sizes, device=self.memory.y.device).cumsum(0) - 1]

    def directions(self, x: Tensor) -> Tensor:
        """φ: features scaled to length 1."""
        self.work.add(Work(len(x)))
        return normalize(self.network.features(x.to(self.means.device)))

    def forward(self, batch: Batch) -> Tensor:
        features = self.network.features(batch.x)
        beyond = FURTHEST + softplus(-self.network.output(features))
        distances = 2 - 2 * normalize(features) @ self.means.T
        nearest = beyond.scatter_reduce(1, self.labels.expand(len(features), -1), distances, "amin")
        return batch.masked(-nearest)


def set_sizes(memory: Memory) -> list[int]:
    """How many exemplars there are of each class that has any, in the order they stand in."""
    pairs = torch.stack([memory.task, memory.y], 1)
    return torch.unique_consecutive(pairs, return_counts=True, dim=0)[1].tolist() if len(pairs) else []


def herded(features: Tensor, count: int) -> Tensor:
    """Which examples to keep, the best first (Algorithm 4)."""
    mean, total = features.mean(0), torch.zeros_like(features[0])
    halves, chosen = features.square().sum(1) / 2, torch.zeros(len(features), dtype=torch.bool, device=features.device)
    order = []
    for k in range(1, min(count, len(features)) + 1):
        # ‖k μ − Σ − φ‖² is least where φᵀ(k μ − Σ) − ½ φᵀφ is greatest.
        gain = features @ (k * mean - total) - halves
        best = gain.masked_fill(chosen, -torch.inf).argmax()
        chosen[best] = True
        total += features[best]
        order.append(best)
    return torch.stack(order) if order else torch.empty(0, dtype=torch.long, device=features.device)
