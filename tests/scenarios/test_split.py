"""Split: every class to one task, every example to one place."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from refusals import refusal
from torch import Tensor

from scenarios.examples import Examples
from scenarios.sources.source import Source
from scenarios.split import split
from scenarios.task import Kind, Scenario

KINDS: tuple[Kind, ...] = ("task", "domain", "class")


def content(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.batch(torch.arange(len(examples)))


def images(examples: Examples) -> Counter[bytes]:
    return Counter(image.numpy().tobytes() for image in content(examples)[0])


def order_of(scenario: Scenario) -> list[str]:
    return [name for task in scenario.tasks for name in task.original_classes]


def test_a_seed_draws_an_order_of_the_classes_and_none_keeps_the_natural_one(letters: Source) -> None:
    assert order_of(split(letters, None, tasks=3)) == list("abcdef")
    orders = [order_of(split(letters, seed, tasks=3)) for seed in range(5)]
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len(set(map(tuple, orders))) > 1
    assert order_of(split(letters, 3, tasks=3)) == orders[3]


@pytest.mark.parametrize("kind", ["task", "class"])
def test_classes_have_outputs_of_their_own_in_order_of_arrival(letters: Source, kind: Kind) -> None:
    scenario = split(letters, 1, kind=kind, tasks=3)
    assert [task.classes for task in scenario.tasks] == [(0, 1), (2, 3), (4, 5)]
    assert scenario.classes == 6


def test_with_kind_domain_all_tasks_share_the_outputs(letters: Source) -> None:
    scenario = split(letters, 1, kind="domain", tasks=3)
    assert [task.classes for task in scenario.tasks] == [(0, 1)] * 3
    assert scenario.classes == 2


@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_every_label_says_the_class_that_the_source_says(letters: Source, kind: Kind, seed: int | None) -> None:
    number = {x.numpy().tobytes(): int(y) for x, y in zip(letters.x, letters.y, strict=True)}
    number |= {x.numpy().tobytes(): int(y) for x, y in zip(letters.test_x, letters.test_y, strict=True)}
    scenario = split(letters, seed, kind=kind, tasks=2)
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        original = dict(zip(task.classes, task.original_classes, strict=True))
        for examples in (task.training, task.validation, test):
            for x, y in zip(*content(examples), strict=True):
                assert letters.labels[number[x.numpy().tobytes()]] == original[int(y)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_training_and_validation_share_out_every_class_and_meet_nowhere(letters: Source, share: float) -> None:
    scenario = split(letters, 0, tasks=3, validation=share)
    training, validation = Counter[bytes](), Counter[bytes]()
    for task in scenario.tasks:
        assert content(task.training)[1].bincount()[-2:].tolist() == [20 - round(20 * share)] * 2
        assert content(task.validation)[1].unique().tolist() == (list(task.classes) if share else [])
        training += images(task.training)
        validation += images(task.validation)
    assert not training & validation
    assert training + validation == Counter(x.numpy().tobytes() for x in letters.x)


def test_the_seed_draws_the_validation_examples(letters: Source) -> None:
    first, same, other = (images(split(letters, seed, tasks=1).tasks[0].validation) for seed in (0, 0, 1))
    assert first == same != other


def test_no_validation_is_an_empty_set_and_not_an_error(letters: Source) -> None:
    for task in split(letters, 0, tasks=3, validation=0.0).tasks:
        assert len(task.validation) == 0
        assert content(task.validation)[0].shape == (0, 1, 4, 4)
        assert list(task.validation.batches(torch.arange(0), 4)) == []


def test_on_digits_every_image_is_in_one_place(digits: Source) -> None:
    scenario = split(digits, 0)
    seen, tested = Counter[bytes](), Counter[bytes]()
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        seen += images(task.training) + images(task.validation)
        tested += images(test)
    assert seen.total() + tested.total() == 1797
    assert seen == Counter(x.numpy().tobytes() for x in digits.x)
    assert tested == Counter(x.numpy().tobytes() for x in digits.test_x)
    assert not seen & tested


@pytest.mark.parametrize("tasks", [4, 5, 7, 12, 10**9])
def test_classes_that_do_not_divide_are_refused_with_what_would(letters: Source, tasks: int) -> None:
    message = refusal(lambda: split(letters, 0, tasks=tasks))
    assert message.startswith(f"split-letters: 6 classes do not divide into {tasks} equal tasks")
    assert message.endswith("tasks can be 1, 2, 3, 6")


@pytest.mark.parametrize("share", [0.001, 0.99])
def test_a_share_that_leaves_nothing_is_refused(letters: Source, share: float) -> None:
    assert f"validation={share}" in refusal(lambda: split(letters, 0, tasks=3, validation=share))


def test_the_source_is_left_as_it_was(letters: Source) -> None:
    before = letters.y.clone()
    split(letters, 5, kind="domain", tasks=3)
    assert torch.equal(letters.y, before)


def test_standardise_takes_the_statistics_of_the_training_inputs(letters: Source) -> None:
    scaled = letters.x.double() / 255
    standardise = split(letters, 0, tasks=3, standardise=True).standardise
    assert standardise == pytest.approx((scaled.mean().item(), scaled.std().item()), abs=1e-4)
    assert split(letters, 0, tasks=3).standardise is None


def test_equal_requests_have_one_digest_and_every_difference_another(letters: Source) -> None:
    base: dict[str, Any] = {"seed": 0, "kind": "class", "tasks": 3}
    other = replace(letters, x=letters.x.flip(0), y=letters.y.flip(0))
    brighter = letters.test_x.clone()
    brighter[0, 0, 3, 3] ^= 1
    digests = [
        split(letters, **{**base, **change}).digest
        for change in (
            {},
            {"seed": 1},
            {"kind": "task"},
            {"kind": "domain"},
            {"tasks": 2},
            {"active": "all"},
            {"validation": 0.2},
            {"standardise": True},
        )
    ]
    digests += [split(other, **base).digest, split(replace(letters, test_x=brighter), **base).digest]
    assert len(set(digests)) == len(digests)
    assert split(letters, **base).digest == digests[0]


def test_validation_can_be_the_training_examples(letters: Source) -> None:
    for task in split(letters, 0, tasks=3, validation="training").tasks:
        assert images(task.training) == images(task.validation)
        assert len(task.training) == 40


def test_inputs_are_standardised_by_the_source_or_by_what_is_given(letters: Source) -> None:
    assert split(letters, 0, tasks=3).standardise is None
    assert split(letters, 0, tasks=3, standardise=True).standardise == letters.statistics
    assert split(letters, 0, tasks=3, standardise="0.1307/0.3081").standardise == (0.1307, 0.3081)
    assert "give mean and deviation" in refusal(lambda: split(letters, 0, tasks=3, standardise="1.3.0/2"))
