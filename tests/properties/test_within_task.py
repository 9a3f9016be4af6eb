"""Accuracy among a task's own classes, against answers that are known by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmark.properties.property import Subject
from benchmark.properties.within_task import WithinTask

MakeSubject = Callable[..., Subject]


def accuracy(subject: Subject) -> float:
    """Where all active classes compete."""
    x, y = subject.sample(subject.test)
    return int((subject.answers(x).argmax(1) == y).sum()) / len(y)


def test_only_the_tasks_own_classes_can_be_the_answer(linear: MakeSubject) -> None:
    logits = torch.tensor([[0.0, 1.0, 9.0], [1.0, 0.0, 9.0], [2.0, 1.0, 0.0], [0.0, 1.0, 0.5]])
    labels = torch.tensor([1, 1, 0, 1])
    whole = linear(torch.eye(3), logits, labels)
    of_two = replace(whole, task=replace(whole.task, classes=(0, 1)))
    assert WithinTask().measure(whole).value == 2 / 4  # the first two are taken for class 2
    assert WithinTask().measure(of_two).value == 3 / 4  # among two the first is right


@pytest.mark.parametrize("kind", ["task", "domain"])
def test_where_no_other_classes_compete_it_is_the_accuracy(subject: MakeSubject, kind: str) -> None:
    trained = subject(kind)
    x, y = trained.sample(trained.test)
    assert WithinTask().measure(trained).value == pytest.approx(
        float((trained.answers(x).argmax(1) == y).double().mean())
    )


def test_a_forgotten_task_can_be_known_within(subject: MakeSubject) -> None:
    trained = subject("class")
    assert accuracy(trained) < 0.2
    found = WithinTask().measure(trained).value
    assert found is not None
    assert found > 0.6
