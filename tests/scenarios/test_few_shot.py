"""Few-shot: so many training examples each, no more for validation, and whole test sets."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import allowed, refusal

from scenarios.examples import Examples
from scenarios.few_shot import few_shot
from scenarios.sources.source import Source
from scenarios.task import Scenario


def rows(examples: Examples) -> set[bytes]:
    return {x.numpy().tobytes() for x in examples.batch(torch.arange(len(examples)))[0]}


def per_class(examples: Examples) -> list[int]:
    counts = examples.batch(torch.arange(len(examples)))[1].bincount()
    return counts[counts > 0].tolist()


def shapes(scenario: Scenario) -> list[tuple[list[int], list[int], list[int]]]:
    return [
        (per_class(task.training), per_class(task.validation), per_class(test))
        for task, test in zip(scenario.tasks, scenario.test, strict=True)
    ]


def test_by_hand(letters: Source) -> None:
    # 20 training examples a class, of which a tenth is held out.
    assert shapes(few_shot(letters, 0, first=2, way=2, shots=3)) == [
        ([18, 18], [2, 2], [5, 5]),
        ([3, 3], [2, 2], [5, 5]),
        ([3, 3], [2, 2], [5, 5]),
    ]


def test_no_more_than_the_shots_are_kept_for_validation_and_the_shots_are_never_eaten(letters: Source) -> None:
    assert shapes(few_shot(letters, 0, first=4, way=2, shots=3, validation=0.5))[1] == ([3, 3], [3, 3], [5, 5])
    assert shapes(few_shot(letters, 0, first=4, way=2, shots=3, validation=0.0))[1] == ([3, 3], [], [5, 5])


def test_training_and_validation_meet_nowhere_unless_they_are_asked_to(letters: Source) -> None:
    for task in few_shot(letters, 0, first=2, way=2, shots=4, validation=0.3).tasks:
        assert not rows(task.training) & rows(task.validation)
    for task in few_shot(letters, 0, first=2, way=2, shots=4, validation="training").tasks:
        assert rows(task.training) == rows(task.validation)


def test_the_seed_draws_the_shots(letters: Source) -> None:
    def shots(seed: int | None) -> set[bytes]:
        return set().union(*(rows(task.training) for task in few_shot(letters, seed, first=2, way=4).tasks[1:]))

    assert shots(3) == shots(3) != shots(4)
    assert shots(None) == shots(None)


@pytest.mark.parametrize(("way", "classes"), [(1, [4, 1, 1]), (2, [4, 2]), (3, [3, 3]), (5, [1, 5])])
def test_without_a_first_it_has_three_fifths_or_what_makes_the_rest_divide(
    letters: Source, way: int, classes: list[int]
) -> None:
    assert [len(task.classes) for task in few_shot(letters, 0, way=way).tasks] == classes


def test_the_shots_of_the_first_task_are_all_examples(digits: Source) -> None:
    first = few_shot(digits, None, validation=0.0).tasks[0]
    assert rows(first.training) == {x.numpy().tobytes() for x in digits.x[digits.y < 6]}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"first": 3, "way": 2}, "6 classes are no first task of 3 and tasks of way=2"),
        ({"first": 6}, "no first task of 6"),
        ({"first": 7}, "no first task of 7"),
        ({"way": 6}, "way=6"),
        ({"way": 10**9}, "multiple of way should be all classes"),
        ({"first": 4, "shots": 19}, "has 18 training examples beside those for validation, and shots=19"),
    ],
)
def test_what_is_not_possible_is_refused(letters: Source, options: dict[str, int], says: str) -> None:
    message = refusal(lambda: few_shot(letters, None, **options))  # type: ignore[arg-type]
    assert message.startswith("few-shot-letters: ")
    assert says in message


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 20), st.sampled_from([0.0, 0.1, 0.5, "training"]))
def test_every_request_is_kept_exactly_or_refused(
    letters: Source, first: int, way: int, shots: int, validation: float
) -> None:
    scenario = allowed(lambda: few_shot(letters, 0, first=first, way=way, shots=shots, validation=validation))
    if scenario is not None:
        assert [len(task.classes) for task in scenario.tasks] == [first] + [way] * ((6 - first) // way)
        assert all(per_class(task.training) == [shots] * way for task in scenario.tasks[1:])
        assert sum(map(len, scenario.test)) == len(letters.test_y)
