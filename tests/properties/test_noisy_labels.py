"""How many false labels are given, against answers known by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmark.properties.noisy_labels import NoisyLabels
from benchmark.properties.property import Measurement, Subject
from scenarios.examples import TensorExamples

MakeSubject = Callable[..., Subject]

# The network answers with the place of the one: 0, 0, 1, 1, 2, 2.
X = torch.eye(3).repeat_interleave(2, 0)
ANSWERS = torch.tensor([0, 0, 1, 1, 2, 2])


def measured(linear: MakeSubject, given: Tensor, truth: Tensor | None, **changes: object) -> Measurement:
    subject = linear(torch.eye(3), X, given)
    training = TensorExamples(X, given, 0, truth=truth)
    return NoisyLabels().measure(replace(subject, task=replace(subject.task, training=training), **changes))


def test_by_hand(linear: MakeSubject) -> None:
    given = torch.tensor([0, 1, 1, 0, 2, 0])
    truth = torch.tensor([1, 1, 1, 1, 0, 1])
    # False are numbers 0, 3, 4 and 5: answered 0 (the false label), 1 (the true one), 2 (false), 2 (neither).
    assert measured(linear, given, truth) == Measurement(2 / 4, None, {"true": 1 / 4, "examples": 4})


def test_the_extremes(linear: MakeSubject) -> None:
    other = (ANSWERS + 1) % 3
    assert measured(linear, ANSWERS, other) == Measurement(1.0, None, {"true": 0.0, "examples": 6})
    assert measured(linear, other, ANSWERS) == Measurement(0.0, None, {"true": 1.0, "examples": 6})


@pytest.mark.parametrize("truth", [None, ANSWERS])
def test_without_a_false_label_there_is_a_reason(linear: MakeSubject, truth: Tensor | None) -> None:
    found = measured(linear, ANSWERS, truth)
    assert found == Measurement(None, "no training label of the task is false")


def test_labels_are_compared_as_outputs_where_not_all_classes_are_active(linear: MakeSubject) -> None:
    given, truth = torch.tensor([2, 2, 1, 2, 1, 2]), torch.tensor([1, 1, 2, 1, 2, 2])
    masks = torch.tensor([[False, True, True]])
    # Without output 0 the first two are ties of 1 and 2, and the first of equals is the answer: 1.
    assert measured(linear, given, truth, masks=masks) == Measurement(1 / 5, None, {"true": 4 / 5, "examples": 5})
