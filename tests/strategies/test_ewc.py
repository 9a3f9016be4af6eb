"""Elastic weight consolidation against its formulas, written out the long way."""

import pytest
import torch
from support import tiny_spec, trainer_for
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

from benchmark.trainer import Trainer
from strategies.ewc import EWC


def ewc_on(kind: str, **fields: object) -> tuple[Trainer, EWC]:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "ewc", network="mlp:12x8", **fields))
    assert isinstance(trainer.strategy, EWC)
    return trainer, trainer.strategy


@pytest.mark.parametrize("kind", ["task", "class"])
def test_the_empirical_information_is_the_mean_squared_gradient_of_single_examples(kind: str) -> None:
    trainer, strategy = ewc_on(kind, fisher="empirical", samples=10_000)
    task = trainer.scenario.tasks[0]
    trainer.learn(task.index)
    expected = torch.zeros_like(strategy.anchor)
    x, y = task.training.batch(torch.arange(len(task.training)))
    for one in range(len(y)):
        logits = strategy(strategy.batch(x[one : one + 1], y[one : one + 1], torch.tensor([0])))
        gradients = torch.autograd.grad(cross_entropy(logits, y[one : one + 1]), list(strategy.network.parameters()))
        expected += torch.cat([gradient.flatten() for gradient in gradients]).square()
    assert torch.allclose(strategy.importance, expected / len(y), rtol=1e-3, atol=1e-8)


def test_the_true_information_is_the_expectation_over_the_networks_own_predictions() -> None:
    trainer, strategy = ewc_on("class", fisher="true", samples=10_000)
    task = trainer.scenario.tasks[0]
    trainer.learn(task.index)
    x, y = task.training.batch(torch.arange(len(task.training)))
    expected = torch.zeros_like(strategy.anchor)
    parameters = list(strategy.network.parameters())
    for one in range(len(y)):
        batch = strategy.batch(x[one : one + 1], y[one : one + 1], torch.tensor([0]))
        likelihood = strategy(batch).log_softmax(1)[0]
        for label in (0, 1):
            gradients = torch.autograd.grad(likelihood[label], parameters, retain_graph=True)
            squared = torch.cat([gradient.flatten() for gradient in gradients]).square()
            expected += likelihood[label].exp().detach() * squared
    assert torch.allclose(strategy.importance, expected / len(y), rtol=1e-3, atol=1e-8)

    strategy.fisher = "sampled"
    draws = torch.stack([strategy.estimate(task) for _ in range(40)])
    assert float(draws.mean(0).sum()) == pytest.approx(float(strategy.importance.sum()), rel=0.1)
    assert not torch.equal(draws[0], draws[1])


def test_one_quadratic_is_the_sum_of_one_penalty_a_task() -> None:
    """Kirkpatrick et al. 2017, eq. 3, task by task, against the gradient of the merged form."""
    trainer, strategy = ewc_on("domain", strength=7.0, samples=200, lr=0.05)
    kept = []
    for task in trainer.scenario.tasks[:4]:
        before = strategy.importance.clone()
        trainer.learn(task.index)
        kept.append((strategy.importance - before, strategy.weights().clone()))
    batch = strategy.batch(*trainer.scenario.tasks[4].training.batch(torch.arange(30)), torch.tensor([0]))
    with torch.no_grad():
        for parameter in strategy.network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    parameters = dict(strategy.named_parameters())
    weights = parameters_to_vector(parameters.values())
    penalty = sum((fisher * (weights - anchor).square()).sum() for fisher, anchor in kept)
    expected = torch.autograd.grad(
        cross_entropy(strategy(batch), batch.y) + 0.5 * 7.0 * penalty, tuple(parameters.values())
    )
    gradients = dict(zip(parameters, torch.autograd.grad(strategy.loss(batch), parameters.values()), strict=True))
    for mine, theirs in zip(strategy.adjust_gradients(gradients, batch).values(), expected, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-5)


def test_outputs_that_are_not_active_have_no_information() -> None:
    trainer, strategy = ewc_on("task")
    trainer.learn(0)
    information = dict(
        zip(
            [name for name, _ in strategy.network.named_parameters()],
            strategy.importance.split([p.numel() for p in strategy.network.parameters()]),
            strict=True,
        )
    )
    assert (information["output.bias"][:2] > 0).all()
    assert (information["output.bias"][2:] == 0).all()
