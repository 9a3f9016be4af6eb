"""Memories: never too large, and each policy keeps what it says."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_spec, trainer_for

from scenarios.errors import RequestError
from strategies.memory import Memory, Policy
from strategies.strategy import Batch

BY_CLASS: tuple[Policy, ...] = ("class-balanced", "ring")


def stream(memory: Memory, labels: list[int], seed: int = 0, size: int = 7) -> None:
    """Offer examples that are numbered in x, with these labels, a few at a time."""
    generator = torch.Generator().manual_seed(seed)
    for x, y in zip(torch.arange(len(labels)).split(size), torch.tensor(labels).split(size), strict=True):
        memory.offer(x, y, torch.tensor([0]), generator)


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


@pytest.mark.parametrize("policy", get_args(Policy))
@given(
    capacity=st.integers(0, 12),
    per_class=st.none() | st.integers(1, 4),
    labels=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), max_size=12),
    seed=st.integers(0, 99),
)
def test_no_policy_exceeds_its_bounds_or_mixes_up_what_it_holds(
    policy: Policy, capacity: int, per_class: int | None, labels: list[list[int]], seed: int
) -> None:
    per_class = None if policy == "reservoir" else per_class
    memory = Memory(capacity, policy=policy, per_class=per_class, columns=("twice",))
    generator, offered = torch.Generator().manual_seed(seed), 0
    told: dict[int, tuple[int, int]] = {}
    for number, group in enumerate(labels):
        x = torch.arange(offered, offered + len(group))
        told |= {row: (label, number // 4) for row, label in zip(x.tolist(), group, strict=True)}
        memory.offer(x, torch.tensor(group), torch.tensor([number // 4]), generator, twice=2 * x)
        offered += len(group)
        held = list(zip(memory.y.tolist(), memory.task.tolist(), strict=True))
        assert len(memory) <= capacity
        assert all(len(getattr(memory, name)) == len(memory) for name in memory.columns)
        assert len(set(memory.x.tolist())) == len(memory), "an example is held twice"
        assert held == [told[row] for row in memory.x.tolist()]
        assert torch.equal(memory.twice, 2 * memory.x)
        if per_class is None:
            assert len(memory) == min(capacity, offered)
        else:
            assert all(held.count(each) <= per_class for each in held)


@pytest.mark.parametrize("policy", BY_CLASS)
def test_classes_get_equal_parts_of_a_memory_however_many_examples_they_have(policy: Policy) -> None:
    memory = Memory(30, policy=policy)
    stream(memory, [0] * 200 + [1] * 90 + [0, 2] * 40 + [3] * 4)
    counts = memory.y.bincount().tolist()
    assert counts[3] == 4, "a class with less than its part is kept whole"
    assert sum(counts) == 30
    assert max(counts[:3]) - min(counts[:3]) <= 1


@pytest.mark.parametrize("policy", BY_CLASS)
def test_tasks_that_share_their_labels_have_parts_of_their_own(policy: Policy) -> None:
    memory, generator = Memory(20, policy=policy), torch.Generator().manual_seed(0)
    for task in range(5):
        for y in torch.arange(100).remainder(2).split(10):
            memory.offer(y.float(), y, torch.tensor([task]), generator)
    assert (2 * memory.task + memory.y).bincount().tolist() == [2] * 10


def test_within_a_class_every_example_is_kept_with_the_same_probability() -> None:
    """Also of a class that came first, and gave up places to later ones."""
    labels, rounds = [0] * 30 + [1] * 10 + [0, 1] * 10 + [2] * 20, 3000
    kept = torch.zeros(len(labels))
    for seed in range(rounds):
        memory = Memory(12, policy="class-balanced")
        stream(memory, labels, seed)
        kept[memory.x] += 1
    for label, size in ((0, 40), (1, 20), (2, 20)):
        found, chance = kept[torch.tensor(labels) == label], 4 / size
        assert (found - rounds * chance).abs().max() / (rounds * chance * (1 - chance)) ** 0.5 < 4


def test_a_ring_holds_the_latest_of_each_class() -> None:
    memory = Memory(9, policy="ring")
    stream(memory, [0] * 20 + [1] * 20)
    assert sorted(memory.x.tolist()) in ([*range(16, 20), *range(35, 40)], [*range(15, 20), *range(36, 40)])
    stream(memory, [1] * 3 + [2] * 20)
    assert memory.y.bincount().tolist() == [3, 3, 3]
    assert sorted(memory.x[memory.y == 0].tolist()) == [17, 18, 19]
    assert sorted(memory.x[memory.y == 1].tolist()) == [0, 1, 2], "numbered anew in the second stream"
    assert sorted(memory.x[memory.y == 2].tolist()) == [20, 21, 22]


@pytest.mark.parametrize("policy", BY_CLASS)
def test_so_many_a_class_are_kept_even_where_there_is_room(policy: Policy) -> None:
    memory = Memory(1000, policy=policy, per_class=5)
    stream(memory, [0, 1, 1, 2] * 30 + [3] * 2)
    assert memory.y.bincount().tolist() == [5, 5, 5, 2]
    drawn, _, _ = memory.draw(40, torch.Generator().manual_seed(0))
    assert len(drawn) == 40, "as many as are asked for, though fewer are held"
    assert set(drawn.tolist()) == set(memory.x.tolist())


def test_a_reservoir_of_so_many_a_class_is_refused() -> None:
    with pytest.raises(RequestError, match="per_class"):
        Memory(10, per_class=3)


def test_a_column_given_as_a_function_is_found_for_what_is_kept_alone() -> None:
    asked: list[int] = []

    def squares(x: torch.Tensor) -> torch.Tensor:
        asked.extend(x.tolist())
        return x**2

    memory, generator = Memory(5, columns=("squares",)), torch.Generator().manual_seed(0)
    for x in torch.arange(200).split(10):
        memory.offer(x, x, torch.tensor([0]), generator, squares=squares)
    assert torch.equal(memory.squares, memory.x**2)
    assert set(memory.x.tolist()) <= set(asked)
    assert len(asked) < 60
    x, _, _, found = memory.draw(3, generator)
    assert torch.equal(found, x**2)


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
        prepared = prepare(batch).joined()
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
