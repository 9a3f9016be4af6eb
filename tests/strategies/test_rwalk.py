"""Riemannian walk against its formulas, written out the long way."""

import torch
from support import tiny_spec, trainer_for
from torch import Tensor

from strategies.rwalk import RWalk
from strategies.strategy import Batch


def test_information_and_scores_follow_the_path() -> None:
    fields = {"strength": 3.0, "smoothing": 0.3, "interval": 4, "damping": 1e-5, "iterations": 10}
    trainer = trainer_for(tiny_spec("split-digits:domain", "rwalk", network="mlp:12x8", **fields))
    strategy = trainer.strategy
    assert isinstance(strategy, RWalk)
    loss_of, follow = strategy.loss, strategy.follow
    gradients: list[Tensor] = []
    places: list[Tensor] = []

    def loss(batch: Batch) -> Tensor:
        loss = loss_of(batch)
        found = torch.autograd.grad(loss, list(strategy.network.parameters()), retain_graph=True)
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))
        return loss

    def after(given: dict[str, Tensor], batch: Batch) -> None:
        follow(given, batch)
        places.append(strategy.weights().clone())

    strategy.loss, strategy.follow = loss, after  # type: ignore[method-assign]
    fisher = torch.zeros_like(strategy.fisher)
    earlier: Tensor | None = None
    for index in range(3):
        gradients.clear()
        places[:] = [strategy.weights().clone()]
        trainer.learn(index)
        assert len(gradients) == 10
        score = torch.zeros_like(fisher)
        fallen, since = torch.zeros_like(fisher), 0
        for step, gradient in enumerate(gradients, 1):
            fisher = 0.3 * gradient**2 + 0.7 * fisher
            fallen = fallen - gradient * (places[step] - places[step - 1])
            if step in (4, 8):
                distance = 0.5 * fisher * (places[step] - places[since]) ** 2
                score = score + (fallen / (distance + 1e-5)).clamp(min=0)
                fallen, since = torch.zeros_like(fisher), step
        assert torch.allclose(strategy.fisher, fisher, rtol=1e-3, atol=1e-9)
        assert score.max() > 0
        assert torch.allclose(strategy.score, score, rtol=1e-3, atol=1e-5)
        earlier = score if earlier is None else (earlier + score) / 2
        expected = fisher / fisher.max() + earlier / earlier.max()  # the least of both is 0: dead inputs
        assert torch.allclose(strategy.importance, expected, rtol=1e-3, atol=1e-5)
        assert strategy.importance.max() <= 2
