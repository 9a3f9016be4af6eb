"""Learning without forgetting against its formulas, written out the long way."""

import copy
import math

import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch.nn.functional import cross_entropy

from strategies.lwf import LwF

ANSWERS = {
    "split-digits:task": [[0, 1], [2, 3]],  # two heads to keep
    "split-digits:domain": [[0, 1], [0, 1]],  # the same outputs, for two tasks
    "split-digits:class": [[0, 1, 2, 3]],  # one answer, over the classes seen before
    "split-digits:class,active=all": [list(range(10))],
}
"""In the third task."""


def lwf_on(scenario: str, **fields: object) -> tuple[Alone, LwF]:
    trainer = trainer_for(tiny_spec(scenario, "lwf", network="mlp:12x8", **fields))
    assert isinstance(trainer.strategy, LwF)
    return trainer, trainer.strategy


@pytest.mark.parametrize("scenario", ANSWERS)
def test_the_loss_keeps_the_old_networks_answers_for_each_old_task(scenario: str) -> None:
    trainer, strategy = lwf_on(scenario, strength=0.7, temperature=3.0)
    trainer.learn(0)
    trainer.learn(1)
    old = copy.deepcopy(strategy.network)
    task = trainer.scenario.tasks[2]
    strategy.masks = trainer.scenario.masks(2)
    strategy.start_task(task)
    x, y = task.training.batch(torch.arange(6))
    batch = strategy.batch(x, y, torch.tensor([2]))
    with torch.no_grad():
        for parameter in strategy.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    with torch.no_grad():
        expected = float(cross_entropy(strategy(batch), y))
        for one in range(6):
            now, before = strategy.network(x[one : one + 1])[0], old(x[one : one + 1])[0]
            for outputs in ANSWERS[scenario]:
                wanted = [math.exp(before[c] / 3.0) for c in outputs]
                given = [math.exp(now[c] / 3.0) for c in outputs]
                entropy = -sum(w / sum(wanted) * math.log(g / sum(given)) for w, g in zip(wanted, given, strict=True))
                expected += 0.7 * entropy / 6
        assert float(strategy.loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_before_there_is_an_old_task_the_loss_is_that_of_the_data() -> None:
    trainer, strategy = lwf_on("split-digits:task")
    task = trainer.scenario.tasks[0]
    strategy.masks = trainer.scenario.masks(0)
    strategy.start_task(task)
    batch = strategy.batch(*task.training.batch(torch.arange(6)), torch.tensor([0]))
    with torch.no_grad():
        strategy.network.output.bias.add_(torch.arange(10.0))
        assert torch.equal(strategy.loss(batch), cross_entropy(strategy(batch), batch.y))


def test_the_old_network_is_that_of_the_end_of_the_last_task_and_never_drops_out() -> None:
    trainer, strategy = lwf_on("split-digits:task")
    for index in range(2):
        trainer.learn(index)
        now = strategy.network.state_dict()
        assert all(torch.equal(value, now[name]) for name, value in strategy.teacher.state_dict().items())
    assert strategy.train().network.training
    assert not strategy.teacher.training
    assert not any(parameter.requires_grad for parameter in strategy.teacher.parameters())
