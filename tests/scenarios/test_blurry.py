"""Blurry: so many classes stay at home, and of the others so large a share goes to every other task."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import allowed, refusal

from scenarios.blurry import blurry
from scenarios.examples import Examples
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.task import Scenario


def rows(examples: Examples) -> list[bytes]:
    return [x.numpy().tobytes() for x in examples.batch(torch.arange(len(examples)))[0]]


def counts(scenario: Scenario, index: int) -> dict[str, int]:
    """Training examples of a task by the class they are of in the source."""
    task = scenario.tasks[index]
    meaning = dict(zip(task.classes, task.original_classes, strict=True))
    return {meaning[y]: number for y, number in Counter(labels(task.training)).items()}


def labels(examples: Examples) -> list[int]:
    found: list[int] = examples.batch(torch.arange(len(examples)))[1].tolist()
    return found


def test_by_hand(letters: Source) -> None:
    """Six classes of 20: a, b and c stay at home; of d, e and f 6 leave, 3 to each of the two other tasks."""
    scenario = blurry(letters, None, tasks=3, disjoint=0.5, blur=0.3, validation=0.0)
    assert [counts(scenario, index) for index in range(3)] == [
        {"a": 20, "d": 14, "e": 3, "f": 3},
        {"b": 20, "e": 14, "d": 3, "f": 3},
        {"c": 20, "f": 14, "d": 3, "e": 3},
    ]
    assert [task.name for task in scenario.tasks] == ["a+d", "b+e", "c+f"]
    assert [task.original_classes for task in scenario.tasks] == [
        ("a", "d", "e", "f"),
        ("b", "e", "d", "f"),
        ("c", "f", "d", "e"),
    ]
    # Outputs in the order of arrival: a, d, e, f with the first task, then b, then c.
    assert [task.classes for task in scenario.tasks] == [(0, 1, 2, 3), (4, 2, 1, 3), (5, 3, 1, 2)]
    assert (scenario.boundaries, scenario.passes, scenario.kind) == (False, 1, "class")


def test_a_class_competes_from_the_first_task_that_has_an_example_of_it(letters: Source) -> None:
    scenario = blurry(letters, None, tasks=3, disjoint=0.5, blur=0.3)
    assert [scenario.masks(after)[0].tolist() for after in range(3)] == [
        [True, True, True, True, False, False],
        [True, True, True, True, True, False],
        [True] * 6,
    ]


def test_a_task_is_tested_and_validated_on_the_classes_whose_home_it_is(letters: Source) -> None:
    scenario = blurry(letters, None, tasks=3, disjoint=0.5, blur=0.3)
    for task, test, home in zip(scenario.tasks, scenario.test, (("a", "d"), ("b", "e"), ("c", "f")), strict=True):
        outputs = [task.classes[task.original_classes.index(name)] for name in home]
        assert Counter(labels(test)) == dict.fromkeys(outputs, 5)
        assert Counter(labels(task.validation)) == dict.fromkeys(outputs, 2)
    assert sorted(row for test in scenario.test for row in rows(test)) == sorted(
        x.numpy().tobytes() for x in letters.test_x
    )


def test_labels_are_those_of_the_images(letters: Source) -> None:
    of = {x.numpy().tobytes(): letters.labels[y] for x, y in zip(letters.x, letters.y.tolist(), strict=True)}
    for task in blurry(letters, 4, tasks=2, blur=0.4).tasks:
        meaning = dict(zip(task.classes, task.original_classes, strict=True))
        for examples in (task.training, task.validation):
            assert [of[row] for row in rows(examples)] == [meaning[y] for y in labels(examples)]


@given(
    st.sampled_from([2, 3, 6]),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.one_of(st.none(), st.integers(0, 5)),
)
def test_every_example_is_in_one_place_and_shares_are_as_asked_for(
    letters: Source, tasks: int, disjoint: float, blur: float, validation: float, seed: int | None
) -> None:
    scenario = allowed(lambda: blurry(letters, seed, tasks=tasks, disjoint=disjoint, blur=blur, validation=validation))
    assert scenario is not None
    everything = [row for task in scenario.tasks for part in (task.training, task.validation) for row in rows(part)]
    assert sorted(everything) == sorted(x.numpy().tobytes() for x in letters.x)
    examples = 20 - round(20 * validation)
    leaving = min(round(blur * examples), examples - 1)
    found = [counts(scenario, index) for index in range(tasks)]
    alone = {name for name in letters.labels if sum(name in each for each in found) == 1}
    asked = round(disjoint * 6)
    assert len(alone) == (asked if leaving else 6)
    for index, task in enumerate(scenario.tasks):
        home = task.name.split("+")
        assert task.original_classes[: len(home)] == tuple(home)
        assert set(found[index]) == set(task.original_classes)
        if leaving:
            assert abs(len(alone & set(home)) - asked / tasks) < 1
        for name, number in found[index].items():
            if name in alone:
                assert (name in home, number) == (True, examples)
            elif name in home:
                assert number == examples - leaving
            else:
                assert number in {leaving // (tasks - 1), -(-leaving // (tasks - 1))}


def test_nothing_blurred_is_a_split_and_everything_blurred_has_no_disjoint_class(letters: Source) -> None:
    for options in ({"blur": 0.0}, {"disjoint": 1.0}):
        scenario = blurry(letters, None, tasks=3, **options)
        assert all(len(task.classes) == 2 for task in scenario.tasks)
    assert all(len(task.classes) == 6 for task in blurry(letters, None, tasks=3, disjoint=0.0, blur=0.2).tasks)


def test_the_seed_draws_classes_and_what_leaks(letters: Source) -> None:
    assert blurry(letters, 3, tasks=3).digest == blurry(letters, 3, tasks=3).digest
    drawn = [blurry(letters, seed, tasks=3, disjoint=0.0, blur=0.3) for seed in range(4)]
    assert len({tuple(task.name for task in scenario.tasks) for scenario in drawn}) > 1
    natural, other = blurry(letters, None, tasks=3, blur=0.3), blurry(letters, None, tasks=3, blur=0.2)
    assert natural.digest != other.digest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("blurry-digits:task", "kind=task is not possible: input should be 'class'"),
        ("blurry-digits:blur=1", "blur=1 is not possible"),
        ("blurry-digits:disjoint=1.1", "disjoint=1.1 is not possible"),
        ("blurry-digits:tasks=1", "tasks=1 is not possible"),
        ("blurry-digits:tasks=3", "10 classes do not divide into 3 equal tasks"),
    ],
)
def test_what_is_not_possible_is_refused(text: str, says: str) -> None:
    assert says in refusal(lambda: scenario_reference(text).build())
