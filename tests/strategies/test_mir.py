"""MIR: the examples chosen are those that a real step would harm most."""

import copy
from typing import Any

import pytest
import torch
from support import tiny_spec, trainer_for
from torch.nn.functional import cross_entropy

from strategies.strategy import Batch


def learned(tasks: int, **fields: Any) -> tuple[Any, Batch]:
    trainer = trainer_for(tiny_spec("split-digits:class", "mir", **fields))
    for index in range(tasks):
        trainer.learn(index)
    strategy, task = trainer.strategy.train(), trainer.scenario.tasks[tasks - 1]
    x, y = task.training.batch(torch.arange(10))
    at = torch.tensor([task.index])
    return strategy, Batch(x, y, at, strategy.masks, torch.tensor(0.5), torch.tensor(0), 10)


def test_those_whose_loss_a_step_would_raise_most_are_chosen() -> None:
    """Against a step really taken by torch's optimiser, on a copy."""
    strategy, batch = learned(3, memory=60, candidates=1000, memory_batch=7, rate=0.2)
    memory = strategy.memory
    masks = torch.arange(10) < 6

    def losses(network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
        return cross_entropy(torch.where(masks, network(x), -torch.inf), y, reduction=reduction)

    stepped = copy.deepcopy(strategy.network)
    optimiser = torch.optim.SGD(stepped.parameters(), lr=0.2)
    losses(stepped, batch.x, batch.y, "mean").backward()
    optimiser.step()
    old = memory.task < 2
    assert old.sum() > 20
    x, y = memory.x[old], memory.y[old]
    rise = losses(stepped, x, y, "none") - losses(strategy.network, x, y, "none")
    expected = {row.numpy().tobytes() for row in x[rise.topk(7).indices]}
    prepared = strategy.prepare(batch).joined()
    assert {row.numpy().tobytes() for row in prepared.x[10:]} == expected
    own, drawn = (
        losses(strategy.network, prepared.x[part], prepared.y[part], "mean") for part in (slice(10), slice(10, 17))
    )
    assert strategy.loss(prepared).item() == pytest.approx((own + drawn).item(), rel=1e-5)


def test_the_first_task_is_not_rehearsed() -> None:
    strategy, batch = learned(1)
    assert len(strategy.memory) > 10
    assert len(strategy.prepare(batch).joined().y) == 10


def test_where_old_tasks_hold_too_few_the_current_one_fills_up() -> None:
    strategy, batch = learned(2, memory=12, memory_batch=11)
    old = int((strategy.memory.task < 1).sum())
    assert 0 < old < 11
    prepared = strategy.prepare(batch).joined()
    assert len(prepared.y) == 21
    assert int((prepared.task[10:] < 1).sum()) == old


def test_judging_leaves_the_network_alone_and_is_counted() -> None:
    strategy, batch = learned(2, network="resnet18:channels=2", iterations=3, candidates=12, memory_batch=5)
    before = copy.deepcopy(strategy.network.state_dict())
    forward, backward = strategy.work.forward, strategy.work.backward
    strategy.prepare(batch)
    assert all(torch.equal(before[name], value) for name, value in strategy.network.state_dict().items())
    assert all(module.training for module in strategy.network.modules())
    assert all(parameter.grad is None for parameter in strategy.parameters())
    assert (strategy.work.forward - forward, strategy.work.backward - backward) == (10 + 2 * 12, 10)
