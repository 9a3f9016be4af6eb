"""ER-ACE: which logits compete in which part of the loss."""

import torch
from support import tiny_spec, trainer_for
from torch import Tensor

from strategies.strategy import Batch


def prepared() -> tuple[torch.nn.Module, Batch]:
    trainer = trainer_for(tiny_spec("split-digits:class", "er-ace", memory_batch=6))
    for index in range(3):
        trainer.learn(index)
    strategy = trainer.strategy
    x, y = trainer.scenario.tasks[2].training.batch(torch.arange(10))
    batch = Batch(x, y, torch.tensor([2]), strategy.masks, torch.tensor(0.5), torch.tensor(0), 10)
    return strategy, strategy.prepare(batch).joined()


def negative_log_likelihood(logits: Tensor, label: int, competing: list[int]) -> float:
    return float(logits[competing].exp().sum().log() - logits[label])


def test_its_loss_is_that_of_the_paper_written_out() -> None:
    strategy, batch = prepared()
    logits = strategy.network(batch.x).detach().double()
    present = sorted(set(batch.y[:10].tolist()))
    assert present == [4, 5]
    own = [negative_log_likelihood(logits[row], int(batch.y[row]), present) for row in range(10)]
    drawn = [negative_log_likelihood(logits[row], int(batch.y[row]), list(range(6))) for row in range(10, 16)]
    expected = sum(own) / 10 + sum(drawn) / 6
    assert abs(strategy.loss(batch).item() - expected) < 1e-5


def test_new_examples_do_not_push_old_logits_down() -> None:
    strategy, batch = prepared()
    alone = batch._replace(x=batch.x[:10], y=batch.y[:10], task=batch.task[:10])
    bias = strategy.network.output.bias
    own = torch.autograd.grad(strategy.loss(alone), bias)[0]
    assert own[[0, 1, 2, 3, 6, 7, 8, 9]].tolist() == [0.0] * 8
    assert own[[4, 5]].abs().min() > 0
    both = torch.autograd.grad(strategy.loss(batch), bias)[0]
    assert both[:6].abs().min() > 0, "those of the memory compete with all seen so far"
