"""Examples, masks, chance, and that a scenario can be sent to another process."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from scenarios.examples import Examples, TensorExamples, transform_digest
from scenarios.own import DatasetRows
from scenarios.permuted import Permutation, permuted
from scenarios.rotated import rotated
from scenarios.sources.source import Source
from scenarios.split import split
from scenarios.task import Scenario

X = torch.arange(10 * 4, dtype=torch.uint8).reshape(10, 1, 2, 2)
Y = torch.arange(10) % 3
ORDER = torch.tensor([3, 1, 4, 1, 5, 9, 2])


class Pairs(Dataset[tuple[Tensor, int]]):
    """The examples above, one at a time."""

    def __len__(self) -> int:
        return len(Y)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return X[index], int(Y[index])


def read(task: int) -> TensorExamples:
    """Those examples, their inputs read when they are needed."""
    return TensorExamples(DatasetRows(Pairs(), "pairs"), Y, task)


def listed(examples: Examples, order: Tensor, size: int) -> list[list[object]]:
    return [[x.tolist(), x.dtype, y.tolist(), y.dtype, t.tolist()] for x, y, t in examples.batches(order, size)]


@pytest.mark.parametrize(
    ("kind", "active", "before", "after_first", "after_last"),
    [
        ("task", "seen", "110000 001100 000011", "110000 001100 000011", "110000 001100 000011"),
        ("class", "seen", "000000 000000 000000", "110000 110000 110000", "111111 111111 111111"),
        ("class", "all", "111111 111111 111111", "111111 111111 111111", "111111 111111 111111"),
        ("domain", "seen", "11 11 11", "11 11 11", "11 11 11"),
    ],
)
def test_the_kind_decides_which_classes_are_active(
    letters: Source, kind: Any, active: Any, before: str, after_first: str, after_last: str
) -> None:
    scenario = split(letters, 0, kind=kind, active=active, tasks=3)
    for after, expected in ((-1, before), (0, after_first), (2, after_last)):
        masks = scenario.masks(after)
        assert masks.dtype == torch.bool
        assert " ".join("".join(str(int(each)) for each in row) for row in masks) == expected


@pytest.mark.parametrize(("kind", "chance"), [("task", 1 / 2), ("domain", 1 / 2), ("class", 1 / 6)])
def test_chance_is_guessing_among_the_active_classes(letters: Source, kind: Any, chance: float) -> None:
    assert split(letters, 0, kind=kind, tasks=3).chance == pytest.approx(chance)


@pytest.mark.parametrize(("kind", "active"), [("task", 6), ("domain", 6), ("class", 6)])
def test_every_mask_is_a_copy_of_its_own(letters: Source, kind: Any, active: int) -> None:
    scenario = split(letters, 0, kind=kind, tasks=3)
    masks = scenario.masks(0)
    masks[1:] = False
    assert masks.sum() == 2
    assert scenario.masks(0).sum() == active


def test_examples_of_a_dataset_are_those_of_tensors() -> None:
    held, later = TensorExamples(X, Y, 4), read(4)
    assert len(held) == len(later) == 10
    for one, other in zip(held.batch(ORDER), later.batch(ORDER), strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    assert torch.equal(held.tasks(ORDER), later.tasks(ORDER))
    for size in (1, 3, 7, 100):
        assert listed(held, ORDER, size) == listed(later, ORDER, size)
    assert listed(held, ORDER[:0], 3) == listed(later, ORDER[:0], 3) == []


def test_batches_keep_the_order_and_the_last_may_be_smaller() -> None:
    labels = [y.tolist() for _, y, _ in TensorExamples(X, Y, 0).batches(ORDER, 3)]
    assert labels == [[0, 1, 1], [1, 2, 0], [2]]


def test_examples_of_several_tasks_say_which_is_whose() -> None:
    mixed = TensorExamples(X, Y, torch.arange(10) // 5)
    assert mixed.tasks(ORDER).tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert [task.tolist() for _, _, task in mixed.batches(ORDER, 4)] == [[0, 0, 0, 0], [1, 1, 0]]
    assert TensorExamples(X, Y, 2).tasks(ORDER).tolist() == [2]


def test_moving_examples_applies_their_transform_once() -> None:
    examples = TensorExamples(X, Y, 1, Permutation(torch.tensor([2, 0, 3, 1])))
    moved = examples.to(torch.device("cpu"))
    assert moved.transform is None
    for one, other in zip(examples.batch(ORDER), moved.batch(ORDER), strict=True):
        assert torch.equal(one, other)
    again = moved.to(torch.device("cpu"))
    assert torch.equal(again.batch(ORDER)[0], examples.batch(ORDER)[0])
    assert torch.equal(examples.x, X)
    assert len(TensorExamples(X[:0], Y[:0], 1, Permutation(torch.arange(4))).to(torch.device("cpu"))) == 0
    later = read(0)
    assert later.to(torch.device("cpu")) is later


def test_shifted_labels_are_the_labels_they_stand_for() -> None:
    shifted, plain = TensorExamples(X, Y, 1, shift=20), TensorExamples(X, Y + 20, 1)
    assert torch.equal(shifted.batch(ORDER)[1], plain.batch(ORDER)[1])
    moved = shifted.to(torch.device("cpu"))
    assert torch.equal(moved.batch(ORDER)[1], plain.batch(ORDER)[1])
    assert shifted.digest() == moved.digest() == plain.digest() != TensorExamples(X, Y, 1).digest()


def test_inputs_and_labels_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="10 inputs but 9 labels"):
        TensorExamples(X, Y[:9], 0)


def test_a_digest_is_equal_where_and_only_where_the_examples_are() -> None:
    turned = Permutation(torch.tensor([2, 0, 3, 1]))
    different = [
        TensorExamples(X, Y, 0),
        TensorExamples(X, Y, 1),
        TensorExamples(X, Y.flip(0), 0),
        TensorExamples(X.flip(0), Y, 0),
        TensorExamples(X.float(), Y, 0),
        TensorExamples(X.reshape(10, 4), Y, 0),
        TensorExamples(X[:9], Y[:9], 0),
        TensorExamples(X, Y, 0, turned),
    ]
    assert len({examples.digest() for examples in different}) == len(different)
    assert TensorExamples(X.clone(), Y.clone(), 0).digest() == different[0].digest()
    assert TensorExamples(X.clone(), Y, 0, copy.deepcopy(turned)).digest() == different[-1].digest()
    assert read(0).digest() == different[0].digest()


def test_a_transform_is_known_by_its_own_digest() -> None:
    assert transform_digest(None) == ""
    assert transform_digest(Permutation(torch.arange(4))) == transform_digest(Permutation(torch.arange(4)))
    assert transform_digest(abs) == repr(abs)


@pytest.mark.parametrize("family", [split, permuted, rotated])
def test_a_pickled_scenario_is_the_same_scenario(letters: Source, family: type) -> None:
    scenario: Scenario = family(letters, 1, kind="class", tasks=3, standardise=True)
    before = pickle.loads(pickle.dumps(scenario))
    digest = scenario.digest
    after = pickle.loads(pickle.dumps(scenario))
    assert before.digest == after.digest == digest
    assert after.chance == scenario.chance
    for one, other in zip(scenario.test, before.test, strict=True):
        assert torch.equal(one.batch(ORDER)[0], other.batch(ORDER)[0])


def test_pickled_examples_are_the_same_examples() -> None:
    for examples in (TensorExamples(X, Y, 1), read(1)):
        copied: Examples = pickle.loads(pickle.dumps(examples))
        assert copied.digest() == examples.digest()
        assert torch.equal(copied.batch(ORDER)[1], examples.batch(ORDER)[1])
