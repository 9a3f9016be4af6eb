"""Answers that are patterns over output units."""

import pytest
import torch
from torch import nn

from scenarios.readout import Codes

PATTERNS = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])


def logit(*values: float) -> torch.Tensor:
    return torch.tensor([values]).logit()


def test_the_best_match_is_the_pattern_with_the_smallest_squared_error() -> None:
    codes = Codes(PATTERNS)
    scores = codes(logit(0.9, 0.4, 0.2))
    wanted = -0.5 * torch.tensor([0.01 + 0.16 + 0.04, 0.01 + 0.36 + 0.04, 0.81 + 0.36 + 0.64])
    assert torch.allclose(scores[0], wanted)
    assert int(scores.argmax()) == 0


def test_the_criterion_is_the_error_to_the_own_pattern_and_its_gradient_that_of_backpropagation() -> None:
    codes = Codes(PATTERNS)
    outputs = torch.tensor([[0.3, -0.2, 0.7], [1.0, 0.1, -2.0]], requires_grad=True)
    y = torch.tensor([2, 0])
    loss = codes.criterion(codes(outputs), y)
    o = outputs.detach().sigmoid()
    assert float(loss.detach()) == pytest.approx(float(0.5 * (o - PATTERNS[y]).square().sum(1).mean()))
    loss.backward()
    # The delta rule: (o − t) o (1 − o), averaged over the batch.
    assert torch.allclose(outputs.grad, (o - PATTERNS[y]) * o * (1 - o) / 2, atol=1e-6)  # type: ignore[arg-type]
    with torch.no_grad():
        assert torch.allclose(codes.criterion(codes(outputs), y, "none").mean(), loss)


@pytest.mark.parametrize(("worst", "learned"), [(0.11, False), (0.09, True)])
def test_an_answer_is_learned_once_its_worst_unit_is_near_enough(worst: float, learned: bool) -> None:
    codes = Codes(PATTERNS, tolerance=0.1)
    with codes.measuring_units():
        scores = codes(logit(0.99, worst, 0.01))
    assert codes.learned(scores, torch.tensor([0])).tolist() == [learned]
    assert not codes.by_worst_unit


def test_it_is_known_by_its_patterns_and_tolerance() -> None:
    assert Codes(PATTERNS).digest() == Codes(PATTERNS.clone()).digest()
    assert Codes(PATTERNS).digest() != Codes(PATTERNS, 0.2).digest() != Codes(1 - PATTERNS, 0.2).digest()
    assert isinstance(Codes(PATTERNS), nn.Module)
