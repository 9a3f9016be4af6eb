"""GDumb: its sampler against Algorithm 1 one example at a time, and its network as a function of the memory."""

from collections import Counter

import pytest
import torch
from support import Alone, tiny_spec, trainer_for, weights
from torch import Tensor

from strategies.gdumb import GDumb, Greedy


def stream(labels: list[int], first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Examples that can be told apart: each input is its number."""
    return torch.arange(first, first + len(labels)).float()[:, None], torch.tensor(labels), torch.tensor([0])


def gdumb_on(kind: str, **fields: object) -> tuple[Alone, GDumb]:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "gdumb", **fields))
    assert isinstance(trainer.strategy, GDumb)
    return trainer, trainer.strategy


@pytest.mark.parametrize("together", [1, 7, 1000])
def test_it_is_the_greedy_sampler_however_many_examples_it_looks_at(together: int) -> None:
    """Counts are those of the algorithm as printed, example by example."""
    drawn = torch.Generator().manual_seed(1)
    labels = [int(torch.randint(1 + number // 60, (), generator=drawn)) for number in range(400)]
    counts: Counter[int] = Counter()
    for label in labels:
        counts.setdefault(label, 0)
        if counts[label] == 0 or counts[label] < 23 / len(counts):
            if counts.total() >= 23:
                counts[max(sorted(counts), key=lambda each: counts[each])] -= 1
            counts[label] += 1
    memory, generator = Greedy(23), torch.Generator().manual_seed(0)
    for first in range(0, 400, together):
        memory.take(*stream(labels[first : first + together], first), generator)
        assert len(memory) <= 23
    assert Counter(memory.y.tolist()) == counts
    numbers = memory.x[:, 0].long().tolist()
    assert len(set(numbers)) == len(numbers) == 23
    assert memory.y.tolist() == [labels[number] for number in numbers]


def test_looking_at_many_together_changes_nothing() -> None:
    found = []
    for together in (1, 50):
        memory, generator = Greedy(10), torch.Generator().manual_seed(3)
        labels = [number // 20 for number in range(200)]
        for first in range(0, 200, together):
            memory.take(*stream(labels[first : first + together], first), generator)
        found.append(memory.x)
    assert torch.equal(*found)


def test_more_classes_than_places_are_possible() -> None:
    memory = Greedy(3)
    memory.take(*stream([0, 0, 0, 0, 1, 2, 3, 4, 4]), torch.Generator().manual_seed(0))
    assert len(memory) == 3
    assert len(set(memory.y.tolist())) == 3


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_the_memory_is_balanced_over_all_classes_seen_and_never_exceeds_its_bound(kind: str) -> None:
    trainer, strategy = gdumb_on(kind, memory=60)
    add = strategy.memory.add

    def watched(**given: Tensor) -> None:
        add(**given)
        assert len(strategy.memory) <= 60

    strategy.memory.add = watched  # type: ignore[method-assign]
    for index in range(5):
        trainer.learn(index)
        counts = Counter(zip(strategy.memory.task.tolist(), strategy.memory.y.tolist(), strict=True))
        assert len(counts) == 2 * (index + 1)
        assert counts.total() == 60
        assert max(counts.values()) - min(counts.values()) <= 2


def test_the_network_is_a_function_of_the_memory_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run learns three tasks; another is handed its memory instead, with a network that has been ruined."""
    trainer, strategy = gdumb_on("class", memory=60, passes=2)
    for index in range(2):
        trainer.learn(index)
    order = trainer.replica.order.get_state()
    trainer.learn(2)

    other, stranger = gdumb_on("class", memory=60, passes=2)
    monkeypatch.setattr(Greedy, "take", lambda *_: None)
    for name in ("x", "y", "task"):
        setattr(stranger.memory, name, getattr(strategy.memory, name).clone())
    with torch.no_grad():
        for parameter in stranger.network.parameters():
            parameter.fill_(0.3)
    other.replica.order.set_state(order)
    other.learn(2)
    assert torch.equal(weights(trainer), weights(other))

    for name in ("x", "y", "task"):
        setattr(stranger.memory, name, getattr(strategy.memory, name)[:-1].clone())
    other.replica.order.set_state(order)
    other.learn(2)
    assert not torch.equal(weights(trainer), weights(other))


def test_passes_are_over_the_memory_and_counted() -> None:
    trainer, _ = gdumb_on("class", memory=60, passes=3, epochs=2)
    trainer.learn(0)
    assert trainer.outcome.costs[0].steps == 3 * 2 * 6
    assert trainer.outcome.costs[0].examples_backward == 3 * 2 * 60
