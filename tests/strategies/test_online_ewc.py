"""Online elastic weight consolidation against its formulas."""

import pytest
import torch
from support import tiny_spec, trainer_for

from strategies.online_ewc import OnlineEWC


def test_what_earlier_tasks_need_fades_and_the_anchor_is_the_last_weights() -> None:
    fields = {"decay": 0.5, "fisher": "empirical", "samples": 10_000}
    trainer = trainer_for(tiny_spec("split-digits:domain", "online-ewc", network="mlp:12x8", **fields))
    strategy = trainer.strategy
    assert isinstance(strategy, OnlineEWC)
    fisher = torch.zeros_like(strategy.importance)
    for task in trainer.scenario.tasks[:3]:
        trainer.learn(task.index)
        assert torch.equal(strategy.anchor, strategy.weights())
        fisher = 0.5 * fisher + strategy.estimate(task)
        assert torch.allclose(strategy.importance, 0.5 * fisher, rtol=1e-4, atol=1e-9)


def test_the_penalty_is_half_of_strength_times_the_faded_information() -> None:
    trainer = trainer_for(tiny_spec("split-digits:domain", "online-ewc", strength=7.0, network="mlp:12x8"))
    strategy = trainer.strategy
    assert isinstance(strategy, OnlineEWC)
    trainer.learn(0)
    trainer.learn(1)
    batch = strategy.batch(*trainer.scenario.tasks[2].training.batch(torch.arange(9)), torch.tensor([2]))
    with torch.no_grad():
        for parameter in strategy.network.parameters():
            parameter.add_(0.1)
    weights = torch.cat([parameter.flatten() for parameter in strategy.network.parameters()])
    penalty = (0.5 * 7.0 * strategy.importance * (weights - strategy.anchor).square()).sum()
    expected = torch.autograd.grad(penalty, list(strategy.network.parameters()))
    zeros = {name: torch.zeros_like(parameter) for name, parameter in strategy.named_parameters()}
    found = strategy.adjust_gradients(zeros, batch)
    for mine, theirs in zip(found.values(), expected, strict=True):
        assert mine.abs().max() > 0
        assert torch.allclose(mine, theirs, rtol=1e-4)


@pytest.mark.parametrize("name", ["ewc", "online-ewc"])
def test_information_can_be_weighted_by_the_likelihood_of_the_label(name: str) -> None:
    fields = {"fisher": "weighted", "samples": 10_000, "decay": 1.0} if name == "online-ewc" else {"samples": 10_000}
    spec = tiny_spec("split-digits:class", name, network="mlp:12x8", **{"fisher": "weighted", **fields})
    trainer = trainer_for(spec)
    strategy, task = trainer.strategy, trainer.scenario.tasks[0]
    trainer.learn(0)
    x, y = task.training.batch(torch.arange(len(task.training)))
    parameters = list(strategy.network.parameters())
    expected = torch.zeros(sum(parameter.numel() for parameter in parameters))
    for one in range(len(y)):
        likelihood = strategy(strategy.batch(x[one : one + 1], y[one : one + 1], torch.tensor([0])))
        likelihood = likelihood.log_softmax(1)[0, y[one]]
        gradients = torch.autograd.grad(likelihood, parameters)
        expected += likelihood.exp().detach() * torch.cat([each.flatten() for each in gradients]).square()
    assert torch.allclose(strategy.get_buffer("importance"), expected / len(y), rtol=1e-3, atol=1e-8)
