"""Recurring: A B C A B C, the same examples in the same memory, and relearning in the record."""

from pathlib import Path

import pytest
import torch
from refusals import refusal
from support import kinds_of, matrix, tiny_spec, trained

from benchmark.record import read_record
from benchmark.request import RunRequest
from benchmark.run import run
from scenarios.examples import TensorExamples
from scenarios.recurring import recurring
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.split import split
from strategies.catalogue import STRATEGIES


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_by_hand(letters: Source, kind: str) -> None:
    scenario = recurring(letters, None, kind=kind, tasks=3, visits=2)  # type: ignore[arg-type]
    names = ["a+b", "c+d", "e+f"]
    assert [task.name for task in scenario.tasks] == [*names, *(f"{name}, visit 2" for name in names)]
    assert [task.returns for task in scenario.tasks] == [None, None, None, 0, 1, 2]
    assert [task.index for task in scenario.tasks] == list(range(6))
    outputs = [(0, 1)] * 3 if kind == "domain" else [(0, 1), (2, 3), (4, 5)]
    assert [task.classes for task in scenario.tasks] == outputs * 2
    assert scenario.classes == (2 if kind == "domain" else 6)
    assert (scenario.boundaries, scenario.passes) == (True, None)


def test_the_first_round_is_a_split_and_the_others_are_the_first_again(letters: Source) -> None:
    scenario, once = recurring(letters, 2, tasks=3, visits=3), split(letters, 2, tasks=3)
    for index, task in enumerate(scenario.tasks):
        first = once.tasks[index % 3]
        parts = (
            (task.training, first.training),
            (task.validation, first.validation),
            (scenario.test[index], once.test[index % 3]),
        )
        for mine, other in parts:
            everything = torch.arange(len(other))
            assert len(mine) == len(other)
            assert all(torch.equal(*pair) for pair in zip(mine.batch(everything), other.batch(everything), strict=True))
            assert mine.tasks(everything[:1]).tolist() == [index]
    assert [task.returns for task in scenario.tasks] == [None] * 3 + [0, 1, 2] * 2


def test_images_are_held_once(letters: Source) -> None:
    scenario = recurring(letters, 2, tasks=3, visits=5)
    held = {task.training.x.data_ptr() for task in scenario.tasks if isinstance(task.training, TensorExamples)}
    assert len(held) == 3
    assert len({test.x.data_ptr() for test in scenario.test if isinstance(test, TensorExamples)}) == 3


def test_a_class_that_comes_back_is_active_all_along(letters: Source) -> None:
    scenario = recurring(letters, None, kind="class", tasks=3)
    assert [int(scenario.masks(after)[0].sum()) for after in range(6)] == [2, 4, 6, 6, 6, 6]
    told = recurring(letters, None, kind="task", tasks=3).masks(5)
    assert torch.equal(told[:3], told[3:])


def test_visits_change_the_digest(letters: Source) -> None:
    assert len({recurring(letters, 0, tasks=3, visits=visits).digest for visits in (2, 3)}) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("recurring-digits:visits=1", "visits=1 is not possible"),
        ("recurring-digits:tasks=3", "10 classes do not divide into 3 equal tasks"),
    ],
)
def test_what_is_not_possible_is_refused(text: str, says: str) -> None:
    assert says in refusal(lambda: scenario_reference(text).build())


def test_the_record_says_which_tasks_come_back_and_what_relearning_gave(tmp_path: Path) -> None:
    spec = tiny_spec("recurring-digits:domain,tasks=2", "naive", iterations=20, evaluate_every=5)
    record = run(RunRequest(spec, tmp_path))
    assert [task.returns for task in record.tasks] == [None, None, 1, 2]
    after = [row[task] for task, row in enumerate(record.accuracy[1:])]
    assert record.metrics["relearning"] == pytest.approx(((after[2] - after[0]) + (after[3] - after[1])) / 2)
    assert record.metrics["savings"] is not None or "nine tenths" in record.undefined["savings"]
    assert read_record(tmp_path) == record


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_every_strategy_learns_tasks_that_come_back(kind: str) -> None:
    """None may take it for granted that a class comes with one task only."""
    for strategy in STRATEGIES.entries():
        if kind in kinds_of(strategy):
            rows = matrix(trained(f"recurring-digits:{kind},tasks=2", strategy, iterations=2))
            assert len(rows) == 5
