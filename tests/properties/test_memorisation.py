"""Learning random labels by heart: who can, who cannot, and how soon."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmark.properties.memorisation import Memorisation
from benchmark.properties.property import Subject
from strategies.networks.mlp import MLP

MakeSubject = Callable[..., Subject]


def separable(n: int = 64, d: int = 100) -> tuple[Tensor, Tensor]:
    """Two classes that the first pixel tells apart."""
    x = torch.rand(n, d, generator=torch.Generator().manual_seed(0))
    y = torch.arange(n) % 2
    x[:, 0] = 5.0 * y
    return x, y


@pytest.mark.parametrize(("kind", "strategy"), [("domain", "naive"), ("class", "naive"), ("task", "hat")])
def test_a_network_with_room_fits_random_labels_later_than_true_ones(
    kind: str, strategy: str, subject: MakeSubject
) -> None:
    found = Memorisation(examples=48, budget=2000).measure(subject(kind, strategy, 1))
    assert found.beside["fitted"]
    assert found.beside["accuracy"] >= 0.99
    assert found.reason is None
    assert found.value > found.beside["steps_true"]


def test_a_linear_model_fits_what_is_separable_first(linear: MakeSubject) -> None:
    x, y = separable()
    found = Memorisation(budget=3000, lr=1e-2).measure(linear(torch.zeros(2, 100), x, y))
    assert found.beside["fitted"]
    assert found.beside["steps_true"] > 0
    assert found.beside["ratio"] == found.value / found.beside["steps_true"] > 2


def test_a_network_of_one_unit_gives_up_and_says_so(linear: MakeSubject) -> None:
    x, y = separable(d=8)
    tiny = linear(torch.zeros(2, 8), x, y)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny.model.network = MLP((8,), 2, hidden="1")
    found = Memorisation(budget=30).measure(tiny)
    assert found.value == 30
    assert not found.beside["fitted"]
    assert found.beside["accuracy"] < 0.99
    assert found.beside["ratio"] is None
    assert found.reason == "not fitted in 30 steps: the value is a lower bound"


def test_what_is_known_already_takes_no_step(linear: MakeSubject) -> None:
    x, y = separable()
    weight = torch.zeros(2, 100)
    weight[1, 0] = 1.0
    found = Memorisation(budget=5).measure(linear(weight, x, y, torch.tensor([0.0, -2.0])))
    assert found.beside["steps_true"] == 0
    assert found.beside["ratio"] is None


def test_labels_are_even_and_the_same_after_every_task(subject: MakeSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Tensor, Tensor]] = []

    def fit(self: Memorisation, subject: Subject, x: Tensor, y: Tensor) -> tuple[int, float]:
        asked.append((x, subject.active[y]))
        return 1, 1.0

    monkeypatch.setattr(Memorisation, "fit", fit)
    for after in (0, 1):
        Memorisation(examples=100).measure(subject("class", after=after))
    (x, mixed), (_, true), (x_later, mixed_later), (_, true_later) = asked
    assert torch.equal(x, x_later)
    assert torch.equal(mixed, mixed_later)
    assert torch.equal(true, true_later)
    assert mixed.bincount().tolist() == [50, 50]
    assert 0.3 < float((mixed == true).double().mean()) < 0.7


def test_only_the_network_trains(subject: MakeSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = subject("task", "hat")
    copies = []
    monkeypatch.setattr(Subject, "copy", lambda self: copies.append(measured.model) or measured.model)
    before = {name: value.clone() for name, value in measured.model.state_dict().items()}
    Memorisation(budget=3).measure(measured)
    changed = {name for name, value in measured.model.state_dict().items() if not torch.equal(value, before[name])}
    assert len(copies) == 2
    assert changed
    assert all(name.startswith("network.") for name in changed)


def test_labels_of_one_class_cannot_be_random(linear: MakeSubject) -> None:
    found = Memorisation().measure(linear(torch.zeros(2, 3), torch.rand(8, 3), torch.zeros(8)))
    assert found.value is None
    assert "only one class" in str(found.reason)
