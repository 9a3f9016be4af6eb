"""Memory aware synapses against their formulas, written out the long way."""

import pytest
import torch
from support import tiny_spec, trainer_for

from strategies.mas import MAS


@pytest.mark.parametrize("kind", ["task", "class"])
def test_importance_is_the_mean_magnitude_of_the_slopes_of_the_squared_norm(kind: str) -> None:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "mas", network="mlp:12x8", samples=10_000))
    strategy = trainer.strategy
    assert isinstance(strategy, MAS)
    expected = torch.zeros_like(strategy.importance)
    parameters = list(strategy.network.parameters())
    for index, active in enumerate([[0, 1], [2, 3] if kind == "task" else [0, 1, 2, 3]]):
        trainer.learn(index)
        training = trainer.scenario.tasks[index].training
        x, _ = training.batch(torch.arange(len(training)))
        for one in range(len(x)):
            logits = strategy.network(x[one : one + 1])[0, active]
            slopes = torch.autograd.grad(logits.square().sum(), parameters)
            expected += torch.cat([slope.flatten() for slope in slopes]).abs() / len(x)
        assert torch.allclose(strategy.importance, expected, rtol=1e-3, atol=1e-6)
        assert torch.equal(strategy.anchor, strategy.weights())


def test_it_looks_at_no_label() -> None:
    found = []
    for shift in (0, 1):
        trainer = trainer_for(tiny_spec("split-digits:domain", "mas", network="mlp:12x8"))
        strategy, task = trainer.strategy, trainer.scenario.tasks[0]
        assert isinstance(strategy, MAS)
        task.training.y = (task.training.y + shift) % 2  # type: ignore[attr-defined]
        found.append(strategy.estimate(task))
    assert found[0].max() > 0
    assert torch.equal(*found)
