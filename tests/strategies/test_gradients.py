"""Powers of single examples' gradients against one backward pass an example."""

import pytest
import torch
from support import tiny_spec, trainer_for
from torch import Tensor

from strategies.ewc import log_likelihood
from strategies.gradients import summed_powers


def squared_length(logits: Tensor, target: Tensor) -> Tensor:
    return torch.where(logits.isfinite(), logits, 0.0).square().sum(1)


@pytest.mark.parametrize("network", ["mlp:12x8", "cnn"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("objective", [log_likelihood, squared_length])
@pytest.mark.parametrize("strategy", ["naive", "hat"])
def test_the_sum_is_that_of_one_example_after_the_other(
    network: str, power: int, objective: object, strategy: str
) -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", strategy, network=network))
    learner, task = trainer.strategy, trainer.scenario.tasks[0]
    trainer.learn(0)
    learner.eval()
    (x, y), at = task.training.batch(torch.arange(7)), torch.tensor([0])
    batch = learner.batch(x, y, at)
    targets, weights = torch.stack([y, y.flip(0)]), torch.rand(2, 7)
    found = summed_powers(learner, batch, objective, targets, weights, power)
    parameters = dict(learner.network.named_parameters())
    expected = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for target, weight in zip(targets, weights, strict=True):
        for one in range(7):
            logits = learner(learner.batch(x[one : one + 1], y[one : one + 1], at))
            value = objective(logits, target[one : one + 1]).sum()
            gradients = torch.autograd.grad(value, parameters.values(), materialize_grads=True)
            for name, gradient in zip(parameters, gradients, strict=True):
                expected[name] += weight[one] * gradient.abs() ** power
    assert found.keys() == expected.keys()
    for name, sums in found.items():
        assert torch.allclose(sums, expected[name], rtol=1e-4, atol=1e-6), name
