"""Rehearsal: what is stored when, and how the two parts of a step are weighed."""

from typing import Any

import pytest
import torch
from support import tiny_spec, trainer_for
from torch import Tensor
from torch.nn.functional import cross_entropy

from strategies.strategy import Batch


def two_parts(weighting: str) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of a step in the third task, and the mean losses of its own 10 examples and of the 4 drawn."""
    trainer = trainer_for(tiny_spec("split-digits:class", "rehearsal", memory_batch=4, weighting=weighting))
    for index in range(3):
        trainer.learn(index)
    strategy, task = trainer.strategy, trainer.scenario.tasks[2]
    x, y = task.training.batch(torch.arange(10))
    batch = Batch(x, y, torch.tensor([2]), strategy.masks, torch.tensor(0.5), torch.tensor(0), 10)
    prepared = strategy.prepare(batch).joined()
    assert len(prepared.y) == 14
    losses = cross_entropy(strategy(prepared), prepared.y, reduction="none")
    return strategy.loss(prepared), losses[:10].mean(), losses[10:].mean()


@pytest.mark.parametrize(
    ("weighting", "own", "drawn"), [("examples", 10 / 14, 4 / 14), ("tasks", 1 / 3, 2 / 3), ("sum", 1, 1)]
)
def test_the_parts_of_a_step_are_weighed_as_it_says(weighting: str, own: float, drawn: float) -> None:
    loss, first, second = two_parts(weighting)
    assert loss.item() == pytest.approx((own * first + drawn * second).item(), rel=1e-5)


def test_what_is_stored_at_the_end_is_not_rehearsed_before() -> None:
    fields: dict[str, Any] = {"store": "end", "policy": "class-balanced", "per_class": 6, "iterations": 20}
    trainer = trainer_for(tiny_spec("split-digits:class", "rehearsal", **fields))
    strategy, prepare = trainer.strategy, trainer.strategy.prepare
    drawn: list[tuple[int, set[int]]] = []

    def watch(batch: Batch) -> Batch:
        prepared = prepare(batch).joined()
        if len(prepared.y) > batch.fresh:
            drawn.append((int(batch.task[0]), set(prepared.task[batch.fresh :].tolist())))
        return prepared

    strategy.prepare = watch  # type: ignore[method-assign]
    for index in range(3):
        trainer.learn(index)
        assert strategy.memory.y.bincount().tolist() == [6] * 2 * (index + 1)
    assert len(drawn) == 40, "the first task rehearses nothing"
    for task, tasks in drawn:
        assert tasks == set(range(task))


def test_at_the_end_every_example_of_the_task_can_be_stored() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "rehearsal", iterations=1, store="end"))
    trainer.learn(0)
    assert len(trainer.strategy.memory) == len(trainer.scenario.tasks[0].training)
