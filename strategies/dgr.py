"""Deep generative replay (Shin et al. 2017), with the variational auto-encoder of van de Ven & Tolias 2018."""

import copy
from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from scenarios.task import Task
from strategies.dreamer import Dreamer, on_unit_scale
from strategies.networks.network import Network
from strategies.strategy import Batch, Strategy, Work, register


@register("dgr")
class DGR(Strategy):
    """Deep generative replay: dream up inputs of earlier tasks, and answer them as the network of then did.

    Beside the network (the solver) a generator learns the inputs. When task t begins, copies of both are kept.
    Every step draws as many dreams x' from the old generator as it has examples, asks the old solver for their
    labels y', and trains both on the mixture: 1/t · L(x, y) + (1 − 1/t) · L(x', y') (eq. 1 with r = 1/t, "if the
    importance of all tasks is the same"). The generator's L is that of its own model, of x and x'.

    Shin et al. use a Wasserstein GAN; this is the variant that van de Ven & Tolias 2018 (arXiv 1809.10635)
    measure and publish code for: a variational auto-encoder (see `Dreamer`), one gradient step for each of the
    solver's, with the same optimiser and rate. They train with Adam; plain SGD hardly moves the generator, as
    its loss is a mean over pixels. As in their code, a label is the most probable class ("hard"), or, with
    targets="soft" (their DGR+distill), all probabilities at a temperature; and where each task has classes of
    its own, every dream is answered by the heads of all earlier tasks, over which the loss is averaged: the
    generator is not told of tasks.

    Stored are generator, old generator and old solver. A dream is an image of floats on [0, 1], and so must the
    scenario's inputs be, or bytes.

    Args:
        network: the solver.
        targets: what the old solver gives: "hard" labels or "soft" targets.
        temperature: of soft targets.
        hidden, latent: units of the generator's hidden layers, and of its latent code.
    """

    paper = "Shin et al. 2017, arXiv 1705.08690"
    needs = frozenset({"task boundaries"})
    known: Tensor

    def __init__(
        self,
        network: Network,
        *,
        targets: Literal["hard", "soft"] = "hard",
        temperature: PositiveFloat = 2.0,
        hidden: PositiveInt = 400,
        latent: PositiveInt = 100,
    ) -> None:
        super().__init__(network)
        self.targets = targets
        self.temperature = temperature
        self.hidden = hidden
        self.latent = latent
        self.dreamer = Dreamer(network.input_shape, hidden, latent)
        self.old_dreamer = copy.deepcopy(self.dreamer).requires_grad_(False)
        self.old_solver = copy.deepcopy(network).requires_grad_(False)
        # The classes that the old solver chose among in each task, [tasks, classes]; no row before the first end.
        self.register_buffer("known", torch.empty(0, network.classes, dtype=torch.bool))

    def end_task(self, task: Task) -> None:
        self.old_dreamer.load_state_dict(self.dreamer.state_dict())
        self.old_solver.load_state_dict(self.network.state_dict())
        self.known = self.masks.clone()

    @torch.no_grad()
    def prepare(self, batch: Batch) -> Batch:
        size = len(batch.y)
        if len(self.known) == 0:
            return batch._replace(extras={**batch.extras, "noise": self.draw(size)})
        dreams = self.old_dreamer.decode(self.draw(size)).sigmoid().view(size, *self.network.input_shape)
        answers = self.old_solver.eval()(dreams)
        recalled = {"noise": self.draw(2 * size), "dreams": dreams, "answers": answers}
        return batch._replace(extras={**batch.extras, **recalled})

    def draw(self, count: int) -> Tensor:
        """Standard normal numbers, [count, latent]."""
        return torch.randn(count, self.latent, generator=self.generator).to(self.masks.device)

    def loss(self, batch: Batch) -> Tensor:
        if "noise" not in batch.extras:
            return super().loss(batch)  # outside training
        x, noise, size = on_unit_scale(batch.x), batch.extras["noise"], len(batch.y)
        if "dreams" not in batch.extras:
            return super().loss(batch) + self.dreamer.loss(x, noise).mean()
        x = torch.cat([x, batch.extras["dreams"]])
        logits, dreaming = self.network(x), self.dreamer.loss(x, noise)
        solving = self.network.criterion(batch.masked(logits[:size]), batch.y), self.recall(batch, logits[size:])
        share = 1 / (1 + self.known.any(1).sum())
        return share * (solving[0] + dreaming[:size].mean()) + (1 - share) * (solving[1] + dreaming[size:].mean())

    def recall(self, batch: Batch, logits: Tensor) -> Tensor:
        """How far logits of dreams are from the old solver's answers, averaged over the heads of earlier tasks."""
        earlier = self.known.any(1)
        # [tasks, dreams, classes]; what is computed for tasks to come is finite, and is not counted.
        heads, old_heads = ((masks | ~earlier[:, None])[:, None] for masks in (batch.masks, self.known))
        scale = self.temperature if self.targets == "soft" else 1.0
        likelihoods = torch.where(heads, logits / scale, -torch.inf).log_softmax(2)
        answers = torch.where(old_heads, batch.extras["answers"] / scale, -torch.inf)
        if self.targets == "soft":
            losses = -(answers.softmax(2) * torch.where(old_heads, likelihoods, 0.0)).sum(2)
        else:
            losses = -likelihoods.gather(2, answers.argmax(2, keepdim=True)).squeeze(2)
        return (losses.mean(1) * earlier).sum() / earlier.sum()

    def step_work(self, batch: Batch) -> Work:
        fresh = batch.y.shape[-1]
        dreams = fresh if "dreams" in batch.extras else 0
        # Solver and generator on both; before, the old generator dreams and the old solver answers.
        return Work(2 * (fresh + dreams) + 2 * dreams, 2 * (fresh + dreams))
