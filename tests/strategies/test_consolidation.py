"""The penalty that a family of strategies shares, against the gradient of its formula."""

import pytest
import torch
from support import tiny_spec, trainer_for

from strategies.consolidation import Consolidation


@pytest.mark.parametrize(
    ("name", "fields", "atol"),
    [("mas", {"strength": 0.5}, 1e-7), ("rwalk", {"strength": 0.5}, 1e-7), ("si", {"strength": 7.0, "lr": 0.05}, 1e-8)],
)
def test_the_penalty_is_strength_times_importance_times_the_square_of_the_way_back(
    name: str, fields: dict[str, float], atol: float
) -> None:
    trainer = trainer_for(tiny_spec("split-digits:domain", name, network="mlp:12x8", **fields))
    strategy = trainer.strategy
    assert isinstance(strategy, Consolidation)
    trainer.learn(0)
    batch = strategy.batch(*trainer.scenario.tasks[1].training.batch(torch.arange(9)), torch.tensor([0]))
    with torch.no_grad():
        for parameter in strategy.network.parameters():
            parameter.add_(0.1)
    weights = torch.cat([parameter.flatten() for parameter in strategy.network.parameters()])
    penalty = fields["strength"] * (strategy.importance * (weights - strategy.anchor).square()).sum()
    expected = torch.autograd.grad(penalty, list(strategy.network.parameters()))
    zeros = {name: torch.zeros_like(parameter) for name, parameter in strategy.named_parameters()}
    for mine, theirs in zip(strategy.adjust_gradients(zeros, batch).values(), expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-4, atol=atol)
