"""Cumulative training and frozen features."""

import torch
from support import tiny_spec, trainer_for, weights


def test_cumulative_goes_on_from_the_present_weights_on_all_tasks() -> None:
    """The same phases as joint training; from the second task on, other weights to begin from."""
    mine, joint = (trainer_for(tiny_spec("split-digits:class", name)) for name in ("cumulative", "joint"))
    starts = []
    for index in range(2):
        for trainer in (mine, joint):
            before = weights(trainer).clone()
            trainer.strategy.start_task(trainer.scenario.tasks[index])
            starts.append((before, weights(trainer).clone()))
            trainer.strategy.memory = type(trainer.strategy.memory)(None)  # type: ignore[attr-defined]
            trainer.learn(0) if index == 0 else None
    (_, _), (first, _), (before, after), (_, anew) = starts
    assert torch.equal(before, after), "cumulative begins a task with the weights it has"
    assert not torch.equal(before, first)
    assert torch.equal(anew, first), "joint begins it with those it had first"


def test_cumulative_trains_on_every_example_so_far() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "cumulative"))
    seen = 0
    for task in trainer.scenario.tasks[:3]:
        trainer.learn(task.index)
        seen += len(task.training)
        (phase,) = trainer.strategy.phases(task)
        assert len(phase.examples) == seen
        assert phase.worth == task.index + 1


def test_after_the_first_task_nothing_but_the_output_layer_moves() -> None:
    for optimizer in ("sgd", "adam"):
        trainer = trainer_for(tiny_spec("split-digits:task", "frozen", optimizer=optimizer, weight_decay=0.1))
        first = {name: value.clone() for name, value in trainer.strategy.network.named_parameters()}
        trainer.learn(0)
        after = {name: value.clone() for name, value in trainer.strategy.network.named_parameters()}
        assert all(not torch.equal(first[name], after[name]) for name in first)
        trainer.learn(1)
        for name, value in trainer.strategy.network.named_parameters():
            assert torch.equal(value, after[name]) == (not name.startswith("output.")), name


def test_frozen_averages_are_frozen_too() -> None:
    spec = tiny_spec("split-digits:task,tasks=2", "frozen", network="resnet18:channels=2", iterations=2)
    trainer = trainer_for(spec)
    trainer.learn(0)
    before = {name: value.clone() for name, value in trainer.strategy.network.named_buffers()}
    assert any(value.any() for value in before.values())
    trainer.learn(1)
    for name, value in trainer.strategy.network.named_buffers():
        assert torch.equal(value, before[name]), name
