"""Split into tasks of unequal size: every class somewhere, and one line where the numbers do not add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import allowed, refusal

from scenarios.options import bind
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.split import split
from scenarios.task import Scenario


def counts(scenario: Scenario) -> list[int]:
    return [len(task.classes) for task in scenario.tasks]


def test_sizes_say_how_many_classes_each_task_brings(letters: Source) -> None:
    scenario = split(letters, None, kind="class", sizes="3+1+2")
    assert [task.original_classes for task in scenario.tasks] == [("a", "b", "c"), ("d",), ("e", "f")]
    assert [task.classes for task in scenario.tasks] == [(0, 1, 2), (3,), (4, 5)]
    assert [len(test) for test in scenario.test] == [15, 5, 10]
    assert [len(task.training) for task in scenario.tasks] == [54, 18, 36]


def test_a_first_task_has_its_classes_and_the_others_share_the_rest(letters: Source) -> None:
    assert counts(split(letters, 0, tasks=4, first=3)) == [3, 1, 1, 1]
    assert counts(split(letters, 0, tasks=2, first=1)) == [1, 5]
    assert counts(split(letters, 0, tasks=3, first=2)) == counts(split(letters, 0, tasks=3)) == [2, 2, 2]


def test_half_of_the_classes_first_as_in_class_incremental_cifar_100(letters: Source) -> None:
    y = letters.y.new_tensor(range(100)).repeat(10)
    x = letters.x[:1].expand(1000, -1, -1, -1)
    hundred = Source("hundred", tuple(map(str, range(100))), x, y, x[:100], y[:100])
    assert counts(split(hundred, 0, kind="class", tasks=6, first=50)) == [50, 10, 10, 10, 10, 10]


def test_equal_sizes_deal_the_same_as_tasks(letters: Source) -> None:
    assert split(letters, 3, sizes="2+2+2").digest == split(letters, 3, tasks=3).digest


def test_with_kind_domain_a_smaller_task_uses_the_first_outputs(letters: Source) -> None:
    scenario = split(letters, None, kind="domain", sizes="3+1+2")
    assert [task.classes for task in scenario.tasks] == [(0, 1, 2), (0,), (0, 1)]
    assert scenario.classes == 3
    assert scenario.masks(2).all()


def test_with_kind_task_a_single_class_stands_alone(letters: Source) -> None:
    assert split(letters, None, kind="task", sizes="5+1").masks(1).sum(1).tolist() == [5, 1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sizes": "3+2"}, "sizes=3+2 adds up to 5 classes, but there are 6"),
        ({"sizes": "3+2+2"}, "adds up to 7 classes"),
        ({"sizes": "3+3", "first": 3}, "give first=3 or sizes=3+3, not both"),
        ({"first": 6, "tasks": 2}, "first can be up to 5 of the 6 classes"),
        ({"first": 3, "tasks": 1}, "tasks 2 or more"),
        ({"first": 3, "tasks": 3}, "the 3 classes after the first 3 do not divide into 2 equal tasks: tasks can be 2"),
        ({"first": 1, "tasks": 7}, "tasks can be 2, 6"),
        ({"first": 5, "tasks": 10**9}, "tasks can be 2"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_add_up_are_refused(letters: Source, options: dict[str, object], says: str) -> None:
    message = refusal(lambda: split(letters, 0, **options))  # type: ignore[arg-type]
    assert message.startswith("split-letters: ")
    assert says in message


@pytest.mark.parametrize("sizes", ["", "3+", "+3", "3+0+3", "3+-1", "3 + 3", "3,3", "a", "03+3", "9" * 9])
def test_sizes_of_another_form_are_refused(sizes: str) -> None:
    assert refusal(lambda: bind(split, "split", {"sizes": sizes})).startswith("split: sizes=")


def test_names_of_before_stay_and_new_options_come_last() -> None:
    assert scenario_reference("split-digits:class,tasks=2").text == "split-digits:class,tasks=2"
    text = "split-digits:task,padding=2,sizes=5+3+2"
    assert scenario_reference("split-digits:sizes=5+3+2,padding=2").text == text
    assert scenario_reference(text).text == text


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_any_sizes_give_a_partition_or_a_refusal(letters: Source, sizes: list[int]) -> None:
    scenario = allowed(lambda: split(letters, 1, kind="class", sizes="+".join(map(str, sizes))))
    assert (scenario is None) == (sum(sizes) != 6)
    if scenario is not None:
        assert counts(scenario) == sizes
        assert sorted(name for task in scenario.tasks for name in task.original_classes) == list("abcdef")
        assert [output for task in scenario.tasks for output in task.classes] == list(range(6))
