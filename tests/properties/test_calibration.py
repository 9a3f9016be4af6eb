"""Expected calibration error, against predictors whose error is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmark.properties.calibration import Calibration
from benchmark.properties.property import Subject

MakeSubject = Callable[..., Subject]


def by_hand(logits: Tensor, y: Tensor, bins: int = 15) -> float:
    """The sum over bins as it is written; a confidence of 1 belongs to the last bin."""
    confidence, answer = logits.softmax(1).max(1)
    place = (confidence * bins).long().clamp(max=bins - 1)
    error = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            right = float((answer == y)[inside].double().mean())
            error += float(inside.double().mean()) * abs(right - float(confidence[inside].double().mean()))
    return error


@pytest.mark.parametrize("scale", [0.5, 2.0, 8.0, 60.0])
def test_it_is_the_sum_over_bins(scale: float, linear: MakeSubject) -> None:
    draw = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(500, 4, generator=draw)
    y = torch.where(torch.rand(500, generator=draw) < 0.6, logits.argmax(1), 3)
    found = Calibration().measure(linear(torch.eye(4), logits, y))
    assert found.value == pytest.approx(by_hand(logits, y), abs=1e-6)
    assert found.beside["accuracy"] == float((logits.argmax(1) == y).double().mean())
    assert found.beside["confidence"] == pytest.approx(float(logits.softmax(1).amax(1).mean()), abs=1e-6)
    assert found.beside["examples"] == 500


def test_always_sure_is_wrong_by_the_error_rate(linear: MakeSubject) -> None:
    logits = torch.tensor([[1000.0, 0.0, 0.0]]).expand(40, 3)
    found = Calibration().measure(linear(torch.eye(3), logits, torch.arange(40) % 4 % 3))
    assert found.beside["confidence"] == pytest.approx(1)
    assert found.value == pytest.approx(1 - found.beside["accuracy"], abs=1e-6)


def test_labels_drawn_from_the_probabilities_are_calibrated(linear: MakeSubject) -> None:
    draw = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 5, generator=draw)
    y = torch.multinomial(logits.softmax(1), 1, generator=draw).squeeze(1)
    found = Calibration().measure(linear(torch.eye(5), logits, y))
    assert found.value < 0.015
    too_sure = Calibration().measure(linear(3 * torch.eye(5), logits, y))
    assert too_sure.value > 0.1
    assert too_sure.beside["accuracy"] == found.beside["accuracy"]


def test_only_active_classes_share_the_confidence(subject: MakeSubject) -> None:
    of_two = subject("task")
    x, y = of_two.sample(of_two.test)
    found = Calibration().measure(of_two)
    assert of_two.answers(x).shape == (len(y), 2)
    assert found.beside["confidence"] >= 0.5
    assert found.value == pytest.approx(by_hand(of_two.answers(x), y), abs=1e-6)
