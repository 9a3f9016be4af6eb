"""The reservoir: never too large, every example of the stream with the same chance."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_spec, trainer_for

from strategies.memory import Memory
from strategies.strategy import Batch


@given(capacity=st.integers(0, 12), sizes=st.lists(st.integers(1, 9), max_size=12), seed=st.integers(0, 99))
def test_it_never_exceeds_its_bound_and_holds_what_was_offered(capacity: int, sizes: list[int], seed: int) -> None:
    memory, generator = Memory(capacity), torch.Generator().manual_seed(seed)
    offered = 0
    for size in sizes:
        y = torch.arange(offered, offered + size)
        memory.offer(y.unsqueeze(1).float(), y, torch.tensor([offered % 3]), generator)
        offered += size
        assert len(memory) == min(capacity, offered)
        assert len(set(memory.y.tolist())) == len(memory), "an example is held twice"
        assert torch.equal(memory.x.flatten().long(), memory.y)
        assert set(memory.y.tolist()) <= set(range(offered))


def test_every_example_of_the_stream_is_kept_with_the_same_probability() -> None:
    kept = torch.zeros(40)
    rounds = 4000
    generator = torch.Generator().manual_seed(0)
    for _ in range(rounds):
        memory = Memory(10)
        for y in torch.arange(40).split(7):
            memory.offer(y.float(), y, torch.tensor([0]), generator)
        kept[memory.y] += 1
    expected = rounds * 10 / 40
    deviation = (kept - expected).abs().max() / (rounds * 0.25 * 0.75) ** 0.5
    assert deviation < 4, "no place of the stream should be favoured"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Memory(2).add(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long), torch.tensor([0]))


def test_draws_are_different_examples_with_their_own_label_and_task() -> None:
    memory, generator = Memory(50), torch.Generator().manual_seed(0)
    y = torch.arange(50)
    memory.add(y.float(), y, y % 5)
    x, labels, task = memory.draw(20, generator)
    assert len(set(labels.tolist())) == 20
    assert torch.equal(x.long(), labels)
    assert torch.equal(task, labels % 5)
    assert len(memory.draw(99, generator)[1]) == 50


def test_bytes_stay_bytes() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "rehearsal", memory=30))
    trainer.learn(0)
    assert trainer.strategy.memory.x.dtype == torch.uint8
    assert trainer.outcome.costs[0].bytes_remembered == 30 * (64 + 8 + 8) + 8


def test_rehearsal_joins_memory_to_the_step_and_offers_the_stream_once() -> None:
    trainer = trainer_for(tiny_spec("split-digits:task", "rehearsal", epochs=3, memory=40, memory_batch=7))
    strategy = trainer.strategy
    sizes: list[tuple[int, int]] = []
    prepare = strategy.prepare

    def watch(batch: Batch) -> Batch:
        prepared = prepare(batch)
        sizes.append((batch.fresh, len(prepared.y)))
        assert prepared.fresh == batch.fresh
        assert torch.equal(prepared.x[: batch.fresh], batch.x)
        return prepared

    strategy.prepare = watch  # type: ignore[method-assign]
    for task in trainer.scenario.tasks[:2]:
        trainer.learn(task.index)
    assert sizes[0] == (10, 10), "the memory is empty at the first step"
    assert sizes[1] == (10, 17)
    assert int(strategy.memory.offered) == sum(len(task.training) for task in trainer.scenario.tasks[:2])
    assert set(strategy.memory.task.tolist()) == {0, 1}
    for y, task in zip(strategy.memory.y.tolist(), strategy.memory.task.tolist(), strict=True):
        assert y in trainer.scenario.tasks[task].classes
