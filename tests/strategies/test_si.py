"""Synaptic intelligence against its formulas, written out the long way."""

from typing import Any

import torch
from support import Alone, tiny_spec, trainer_for

from strategies.si import SI
from strategies.strategy import Batch


def si_on(kind: str, **fields: Any) -> tuple[Alone, SI]:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "si", network="mlp:12x8", **fields))
    assert isinstance(trainer.strategy, SI)
    return trainer, trainer.strategy


class Watched:
    """A strategy's steps: before each the gradient of the loss of the data, and the weights before and after."""

    def __init__(self, strategy: SI) -> None:
        self.gradients: list[torch.Tensor] = []
        self.places: list[torch.Tensor] = [strategy.weights().clone()]
        loss_of, follow = strategy.loss, strategy.follow

        def loss(batch: Batch) -> torch.Tensor:
            loss = loss_of(batch)
            found = torch.autograd.grad(loss, list(strategy.network.parameters()), retain_graph=True)
            self.gradients.append(torch.cat([gradient.flatten() for gradient in found]))
            return loss

        def after(gradients: dict[str, torch.Tensor], batch: Batch) -> None:
            follow(gradients, batch)
            self.places.append(strategy.weights().clone())

        strategy.loss, strategy.follow = loss, after  # type: ignore[method-assign]

    def path(self) -> torch.Tensor:
        moves = torch.stack(self.places).diff(dim=0)
        return -(torch.stack(self.gradients) * moves).sum(0)


def test_importance_is_the_fall_of_the_loss_along_the_path_over_the_distance() -> None:
    trainer, strategy = si_on("domain", strength=20.0, damping=0.01, iterations=9, weight_decay=0.01)
    importance = torch.zeros_like(strategy.importance)
    loss, follow = strategy.loss, strategy.follow
    for task in trainer.scenario.tasks[:3]:
        strategy.loss, strategy.follow = loss, follow  # type: ignore[method-assign]
        watched = Watched(strategy)
        start = strategy.weights().clone()
        trainer.learn(task.index)
        assert len(watched.gradients) == 9
        moved = strategy.weights() - start
        importance = (importance + watched.path() / (moved.square() + 0.01)).clamp(min=0)
        assert importance.max() > 0
        assert torch.allclose(strategy.importance, importance, rtol=1e-3, atol=1e-7)
        assert torch.equal(strategy.anchor, strategy.weights())


def test_along_the_path_the_loss_falls_by_as_much_as_the_weights_are_credited() -> None:
    """Eq. 2 and 3: with small steps of one batch, Σ ω is the fall of the loss."""
    trainer, strategy = si_on("domain", lr=0.002, iterations=50, batch_size=10_000)
    task = trainer.scenario.tasks[0]
    batch = strategy.batch(*task.training.batch(torch.arange(len(task.training))), torch.tensor([0]))
    before = strategy.loss(batch).detach()
    trainer.learn(0)
    fallen = before - strategy.loss(batch).detach()
    assert fallen > 0.001
    assert torch.isclose(strategy.path.sum(), fallen, rtol=0.05)
