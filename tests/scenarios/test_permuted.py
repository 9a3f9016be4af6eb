"""Permuted: one order of pixels a task, the same for all its examples."""

import pytest
import torch

from scenarios.examples import Examples, TensorExamples
from scenarios.permuted import Permutation, permuted
from scenarios.sources.source import Source
from scenarios.task import Kind


def pixels(examples: Examples) -> torch.Tensor:
    return examples.batch(torch.arange(len(examples)))[0].flatten(1)


def order_of(examples: Examples) -> list[int]:
    assert isinstance(examples, TensorExamples)
    assert isinstance(examples.transform, Permutation)
    return examples.transform.order.tolist()


def test_training_validation_and_test_of_a_task_are_permuted_alike(letters: Source) -> None:
    scenario = permuted(letters, 0, tasks=3)
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        order = order_of(test)
        assert order_of(task.training) == order_of(task.validation) == order
        assert sorted(order) == list(range(16))
        assert torch.equal(pixels(test), letters.test_x.flatten(1)[:, order])


def test_the_inverse_permutation_gives_the_image_back(letters: Source) -> None:
    scenario = permuted(letters, 0, tasks=2)
    inverse = torch.tensor(order_of(scenario.test[1])).argsort()
    assert torch.equal(pixels(scenario.test[1])[:, inverse], letters.test_x.flatten(1))


def test_a_permutation_takes_pixel_order_i_to_place_i() -> None:
    x = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 2, 2) * 10
    assert Permutation(torch.tensor([2, 0, 3, 1]))(x).flatten().tolist() == [20, 0, 30, 10]


def test_every_task_and_every_seed_has_an_order_of_its_own(letters: Source) -> None:
    orders = [tuple(order_of(test)) for seed in (0, 1) for test in permuted(letters, seed, tasks=5).test]
    assert len(set(orders)) == 10
    assert tuple(range(16)) not in orders
    assert [tuple(order_of(test)) for test in permuted(letters, None, tasks=5).test] == orders[:5]
    assert permuted(letters, None).digest == permuted(letters, 0).digest != permuted(letters, 1).digest


def test_more_tasks_begin_with_the_same_ones(letters: Source) -> None:
    few, many = permuted(letters, 0, tasks=2), permuted(letters, 0, tasks=4)
    assert [order_of(test) for test in many.test[:2]] == [order_of(test) for test in few.test]


@pytest.mark.parametrize("kind", ["domain", "task", "class"])
def test_a_hundred_tasks_hold_images_and_labels_once(letters: Source, kind: Kind) -> None:
    scenario = permuted(letters, 0, kind=kind, tasks=100)
    for examples in ([task.training for task in scenario.tasks], list(scenario.test)):
        held = [(each.x.data_ptr(), each.y.data_ptr()) for each in examples if isinstance(each, TensorExamples)]
        assert len(held) == 100
        assert len(set(held)) == 1


@pytest.mark.parametrize(("kind", "classes"), [("domain", 6), ("task", 18), ("class", 18)])
def test_the_kind_says_whether_tasks_share_their_labels(letters: Source, kind: Kind, classes: int) -> None:
    scenario = permuted(letters, 0, kind=kind, tasks=3)
    assert scenario.classes == classes
    for index, (task, test) in enumerate(zip(scenario.tasks, scenario.test, strict=True)):
        shift = 0 if kind == "domain" else 6 * index
        assert task.classes == tuple(range(shift, shift + 6))
        assert task.original_classes == letters.labels
        assert torch.equal(test.batch(torch.arange(len(test)))[1], letters.test_y + shift)


def test_all_the_images_are_there_in_every_task(letters: Source) -> None:
    task = permuted(letters, 0, tasks=2).tasks[1]
    together = torch.cat([pixels(task.training), pixels(task.validation)])
    expected = letters.x.flatten(1)[:, order_of(task.training)]
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, expected.tolist()))


def test_padding_is_black_and_permuted_with_the_image(letters: Source) -> None:
    scenario = permuted(letters, 0, tasks=2, padding=2)
    assert scenario.input_shape == (1, 8, 8)
    plain = pixels(scenario.test[1])[:, torch.tensor(order_of(scenario.test[1])).argsort()].view(-1, 8, 8)
    assert torch.equal(plain[:, 2:6, 2:6], letters.test_x[:, 0])
    assert int(plain.long().sum()) == int(letters.test_x.long().sum())
