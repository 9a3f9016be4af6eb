"""Accuracy per class, on cases small enough to count."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import one_hot
from torchmetrics.functional.classification import multiclass_recall

from benchmark.properties.per_class import PerClass
from benchmark.properties.property import Subject

MakeSubject = Callable[..., Subject]


def test_a_case_counted_by_hand(linear: MakeSubject) -> None:
    true = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    answers = torch.tensor([0, 0, 0, 1, 1, 1, 0, 2, 1, 0])
    found = PerClass().measure(linear(torch.eye(3), one_hot(answers, 3).float(), true))
    assert found.value == 0.25
    assert found.beside == {
        "classes": [0, 1, 2],
        "accuracy": [0.75, 1.0, 0.25],
        "answers": [0, 1, 2],
        "confusion": [[3, 1, 0], [0, 2, 0], [2, 1, 1]],
    }


def test_a_class_that_never_occurs_has_no_row(linear: MakeSubject) -> None:
    found = PerClass().measure(linear(torch.eye(3), torch.eye(3), torch.tensor([0, 2, 2])))
    assert found.beside["classes"] == [0, 2]
    assert found.beside["confusion"] == [[1, 0, 0], [0, 1, 1]]
    assert found.value == 0.5


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_rows_are_the_classes_of_the_task_and_columns_the_active_ones(kind: str, subject: MakeSubject) -> None:
    of_task = subject(kind, seen=1)
    found = PerClass().measure(of_task)
    x, y = of_task.sample(of_task.test)
    answers = of_task.answers(x)
    recall = multiclass_recall(answers, y, answers.shape[1], average=None)[y.unique()]
    assert found.beside["accuracy"] == pytest.approx(recall.tolist())
    assert found.value == min(found.beside["accuracy"])
    assert found.beside["classes"] == list(of_task.task.classes)
    assert found.beside["answers"] == of_task.active.tolist()
    assert torch.tensor(found.beside["confusion"]).sum(1).tolist() == y.bincount()[y.unique()].tolist()
