"""The same pull on all weights."""

import torch
from support import tiny_spec, trainer_for

from strategies.l2 import L2


def test_each_weight_is_pulled_to_where_the_last_task_left_it() -> None:
    trainer = trainer_for(tiny_spec("split-digits:domain", "l2", strength=3.0, network="mlp:12x8"))
    strategy = trainer.strategy
    assert isinstance(strategy, L2)
    batch = strategy.batch(*trainer.scenario.tasks[0].training.batch(torch.arange(9)), torch.tensor([0]))
    zeros = {name: torch.zeros_like(parameter) for name, parameter in strategy.named_parameters()}
    with torch.no_grad():
        strategy.network.output.bias.add_(1.0)
    for gradient in strategy.adjust_gradients(zeros, batch).values():
        assert not gradient.any(), "before there is an old task nothing is pulled"
    for index in range(2):
        trainer.learn(index)
        with torch.no_grad():
            for parameter in strategy.network.parameters():
                parameter.add_(0.25)
        for gradient in strategy.adjust_gradients(zeros, batch).values():
            assert torch.allclose(gradient, torch.tensor(2 * 3.0 * 0.25), rtol=1e-4)


def test_one_number_is_importance_enough() -> None:
    trainer = trainer_for(tiny_spec("split-digits:domain", "l2", network="mlp:12x8"))
    trainer.learn(0)
    weights = sum(parameter.nbytes for parameter in trainer.strategy.network.parameters())
    assert trainer.outcome.costs[-1].bytes_remembered == weights + 4
