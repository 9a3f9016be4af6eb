"""Pruning: what is taken, what is left alone, and where it ends."""

from collections.abc import Callable

import pytest
import torch

from benchmark.properties.compressibility import SHARES, Compressibility, prune
from benchmark.properties.property import Subject

MakeSubject = Callable[..., Subject]


@pytest.mark.parametrize("strategy", ["naive", "hat"])
def test_weights_that_are_zero_already_are_free(strategy: str, subject: MakeSubject) -> None:
    pruned = subject("task", strategy)
    weights = [weight for weight in pruned.model.network.parameters() if weight.ndim > 1]
    magnitude = torch.cat([weight.detach().flatten() for weight in weights]).abs()
    prune(weights, magnitude.argsort()[: len(magnitude) // 2 + 1])
    found = Compressibility().measure(pruned)
    assert found.value >= 0.5
    assert len(set(found.beside["curve"][: SHARES.index(0.5) + 1])) == 1


def test_taking_nothing_leaves_the_accuracy(subject: MakeSubject) -> None:
    pruned = subject("domain", seen=1)
    x, y = pruned.sample(pruned.test)
    curve = Compressibility().measure(pruned).beside["curve"]
    assert len(curve) == len(SHARES)
    assert curve[0] == float((pruned.answers(x).argmax(1) == y).double().mean())


def test_the_value_is_where_accuracy_first_falls_by_more_than_a_point(subject: MakeSubject) -> None:
    found = Compressibility().measure(subject("domain", seen=1))
    curve = found.beside["curve"]
    place = SHARES.index(found.value)
    assert all(accuracy >= curve[0] - 0.01 for accuracy in curve[: place + 1])
    assert place == len(SHARES) - 1 or curve[place + 1] < curve[0] - 0.01


def test_the_tolerance_is_what_may_be_lost(subject: MakeSubject) -> None:
    strict = Compressibility(tolerance=0).measure(subject("domain", seen=1))
    loose = Compressibility(tolerance=1).measure(subject("domain", seen=1))
    assert strict.value < loose.value == 0.99


def test_doing_well_again_after_a_fall_is_luck(linear: MakeSubject) -> None:
    # Twenty weights: each of the first twenty shares takes one more. Sixteen are zero and 0.3 does no harm;
    # without 0.8 the answer is wrong, until −1.5 goes too and the bias decides.
    weight = torch.zeros(2, 10)
    weight[1, :4] = torch.tensor([0.3, 0.8, 1.0, -1.5])
    found = Compressibility().measure(linear(weight, torch.ones(4, 10), torch.ones(4), torch.tensor([0.0, 0.1])))
    assert found.beside["curve"] == [1.0] * 18 + [0.0] * 2 + [1.0] * 2
    assert found.value == 0.85


def test_nothing_to_lose_is_no_compressibility(linear: MakeSubject) -> None:
    found = Compressibility().measure(linear(torch.eye(2), torch.eye(2), torch.tensor([1, 0])))
    assert found.value is None
    assert "no better than guessing" in str(found.reason)
    assert len(found.beside["curve"]) == len(SHARES)


def test_pruning_takes_just_the_places_named() -> None:
    weights = [torch.ones(2, 3), torch.ones(3, 2)]
    prune(weights, torch.tensor([0, 5, 6]))
    assert weights[0].tolist() == [[0, 1, 1], [1, 1, 0]]
    assert weights[1].tolist() == [[0, 1], [1, 1], [1, 1]]
