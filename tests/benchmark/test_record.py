"""Records: what is written is read, what contradicts itself is refused, and a reader never finds half of one."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import COMPARED, ROWS, TEST, fields, full, record, spec

from benchmark.metrics import METRICS
from benchmark.record import AnytimeRow, PropertyValues, RunRecord, read_record, record_schema


@pytest.mark.parametrize("make", [record, full])
def test_a_record_read_and_written_again_is_the_same_to_the_byte(make: Callable[[], RunRecord], tmp_path: Path) -> None:
    written = make()
    written.write(tmp_path / "run" / "record.json")
    for path in (tmp_path / "run", tmp_path / "run" / "record.json"):
        read = read_record(path)
        assert read == written
        assert read.to_json().encode() == (tmp_path / "run" / "record.json").read_bytes()
        assert read.digest == written.digest
        assert read.entry == written.entry


def test_one_field_is_one_line_and_the_first_fields_are_those_promised() -> None:
    lines = full().to_json().splitlines()
    names = [line.partition(":")[0].strip('"') for line in lines[1:-1]]
    assert names[0] == "schema"
    assert names == list(json.loads(full().to_json()))
    assert json.loads(full().to_json())["schema"] == "forgetless.record/1"


@given(st.randoms(use_true_random=False), st.integers(1, 997))
def test_any_whole_numbers_of_right_answers_make_a_valid_record(draw: random.Random, test: int) -> None:
    tasks = tuple(task.model_copy(update={"test": test}) for task in fields()["tasks"])
    made = record(tasks=tasks, accuracy=[[draw.randint(0, test) / test for _ in range(3)] for _ in range(4)])
    assert RunRecord.model_validate_json(made.to_json()) == made


def test_the_published_schema_describes_records() -> None:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for made in (record(), full(), record(status="diverged", reason="nan", accuracy=ROWS[:2])):
        validator.validate(json.loads(made.to_json()))
    document = json.loads(full().to_json())
    for wrong in ({**document, "schema": "other/1"}, {**document, "extra": 1}, {**document, "accuracy": "high"}):
        assert not validator.is_valid(wrong)


def test_every_metric_has_a_value_or_a_reason() -> None:
    for made in (record(), full()):
        assert set(METRICS) <= set(made.metrics)
        assert {name for name, value in made.metrics.items() if value is None} == set(made.undefined)
        assert set(made.undefined) >= COMPARED
    within = {"minimum_accuracy", "worst_case_accuracy"}
    assert set(record().undefined) == COMPARED | within | {"relearning", "savings"}
    assert "--evaluate-every" in record().undefined["minimum_accuracy"]


def test_metrics_are_those_of_the_matrix() -> None:
    metrics = record().metrics
    assert metrics["average_accuracy"] == pytest.approx((0.6 + 0.9 + 0.7) / 3)
    assert metrics["forgetting"] == pytest.approx(((0.9 - 0.6) + (0.8 - 0.9)) / 2)
    assert metrics["forward_transfer"] == pytest.approx(((0.6 - 0.5) + (0.5 - 0.5)) / 2)


def test_evaluations_within_tasks_give_the_worst_case() -> None:
    rows = [
        AnytimeRow(task=1, step=4, accuracy=(0.0, 0.0, 0.0)),  # before the end of task 1: counts for none
        AnytimeRow(task=2, step=4, accuracy=(0.4, 0.1, 0.2)),  # counts for task 1
        AnytimeRow(task=3, step=4, accuracy=(0.65, 0.75, 0.1)),  # counts for tasks 1 and 2
    ]
    metrics = record(anytime=rows).metrics
    lowest = [min(0.4, 0.7, 0.65, 0.6), min(0.75, 0.9)]
    assert metrics["minimum_accuracy"] == pytest.approx(sum(lowest) / 2)
    assert metrics["worst_case_accuracy"] == pytest.approx(0.7 / 3 + (1 - 1 / 3) * sum(lowest) / 2)


def visited(**changes: Any) -> RunRecord:
    """A record whose third task is a later visit to its first."""
    *tasks, last = fields()["tasks"]
    return record(tasks=(*tasks, last.model_copy(update={"returns": 1})), **changes)


def test_a_task_that_comes_back_is_compared_with_its_first_visit() -> None:
    rows = [
        AnytimeRow(task=1, step=2, accuracy=(0.6, 0.0, 0.2)),
        AnytimeRow(task=1, step=4, accuracy=(0.875, 0.0, 0.2)),  # the first at 0.86, nine tenths from 0.5 to 0.9
        AnytimeRow(task=3, step=2, accuracy=(0.0, 0.0, 0.9)),
    ]
    accuracy = [*ROWS[:3], [0.6, 0.9, 0.8]]
    metrics = visited(anytime=rows, accuracy=accuracy).metrics
    assert metrics["relearning"] == pytest.approx(0.8 - 0.9)
    assert metrics["savings"] == pytest.approx(1 - 2 / 4)
    # Eight steps at the end of each task, by its costs.
    assert visited(anytime=rows[2:], accuracy=accuracy).metrics["savings"] == pytest.approx(1 - 2 / 8)
    assert "no task comes back" in record().undefined["relearning"]
    assert "--evaluate-every" in visited().undefined["savings"]
    assert "steps a task took" in visited(costs=[]).undefined["savings"]
    assert "does not come to nine tenths" in visited(anytime=rows[:2]).undefined["savings"]
    assert "the run diverged" in visited(status="diverged", reason="nan").undefined["relearning"]


def test_less_evaluation_leaves_relearning_and_asks_for_what_savings_need() -> None:
    seen = [[None] * 3, [0.9, None, None], [0.7, 0.8, None], [0.6, 0.9, 0.7]]
    rows = [AnytimeRow(task=1, step=2, accuracy=(0.6, None, None))]
    made = visited(spec=spec(evaluate="seen", evaluate_every=2), accuracy=seen, anytime=rows)
    assert made.metrics["relearning"] == pytest.approx(0.7 - 0.9)
    assert made.undefined["savings"].endswith("was not measured: ask for --evaluate all")


def test_which_task_comes_back_is_written_only_where_one_does(tmp_path: Path) -> None:
    assert "returns" not in record().to_json()
    made = visited()
    assert json.loads(made.to_json())["tasks"][2]["returns"] == 1
    jsonschema.Draft202012Validator(record_schema()).validate(json.loads(made.to_json()))
    made.write(tmp_path / "record.json")
    assert read_record(tmp_path) == made
    assert read_record(tmp_path).digest == made.digest != record().digest


def test_leaks_are_written_where_somebody_has_looked() -> None:
    before = record()
    assert "leaked" not in before.to_json()
    first, *rest = before.tasks
    looked = record(tasks=(first.model_copy(update={"leaked": 0}), *rest))
    assert json.loads(looked.to_json())["tasks"][0]["leaked"] == 0
    assert "leaked" not in json.loads(looked.to_json())["tasks"][1]
    assert looked.digest != before.digest


@pytest.mark.parametrize(("leaked", "said"), [(-1, "tasks.1.leaked"), (TEST + 1, "cannot be leaked")])
def test_no_more_than_all_test_examples_are_leaked(leaked: int, said: str, tampered: Callable[..., str]) -> None:
    assert said in tampered("tasks", 1, "leaked", leaked)


@pytest.mark.parametrize("returns", [0, 2, 3, 4])
def test_a_return_is_to_a_first_visit_before_it(returns: int, tampered: Callable[..., str]) -> None:
    where = "tasks.1.returns" if returns == 0 else f"task 2 returns to task {returns}"
    assert where in tampered("tasks", 1, "returns", returns)


def test_a_return_is_not_to_another_return(tampered: Callable[..., str]) -> None:
    tasks = [task.model_dump() for task in fields()["tasks"]]
    tasks[1]["returns"], tasks[2]["returns"] = 1, 2
    assert "task 3 returns to task 2, which is no first visit" in tampered("tasks", tasks)


def test_the_ends_of_tasks_count_as_evaluations_too() -> None:
    rows = [AnytimeRow(task=2, step=4, accuracy=(1.0, 1.0, 1.0))]
    assert record(anytime=rows).metrics["minimum_accuracy"] == pytest.approx((min(1.0, 0.7, 0.6) + 0.9) / 2)


@pytest.mark.parametrize(
    ("kind", "active", "defined"),
    [("task", "seen", True), ("domain", "seen", True), ("class", "all", True), ("class", "seen", False)],
)
def test_forward_transfer_needs_classes_that_can_be_right_before(kind: str, active: str, defined: bool) -> None:
    made = record(kind=kind, active=active)
    assert (made.metrics["forward_transfer"] is not None) == defined
    assert defined or "masked" in made.undefined["forward_transfer"]


@pytest.mark.parametrize("status", ["diverged", "failed"])
@pytest.mark.parametrize("reached", range(5))
def test_a_run_that_did_not_complete_has_no_metrics_but_reasons(status: str, reached: int, tmp_path: Path) -> None:
    rows = [[None] * 3, [0.1, None, None], [0.2, 0.1, None]]
    measured = PropertyValues(unit="share", better="lower", over="cell", values=rows[:reached])  # type: ignore[arg-type]
    made = record(status=status, reason="it broke", accuracy=ROWS[:reached], properties={"calibration": measured})
    assert set(made.metrics.values()) == {None}
    assert set(made.undefined) == set(made.metrics)
    assert made.undefined["average_accuracy"] == f"the run {status}"
    made.write(tmp_path / "record.json")
    assert read_record(tmp_path) == made
    assert np.isnan(made.matrix[reached:]).all()


def test_a_property_not_measured_everywhere_says_why() -> None:
    holes = PropertyValues(
        unit="share", better="higher", over="cell", values=[[None] * 3] * 3 + [[0.1, None, 0.3]], reason="no pixels"
    )
    group = PropertyValues(unit="share", better="higher", over="group", values=[0.1, None, 0.3], reason="one class")
    made = record(properties={"robustness": holes, "churn": group})
    assert made.metrics["robustness.final"] is None
    assert "no pixels" in made.undefined["robustness.final"]
    assert made.metrics["churn.final"] is None
    assert "one class" in made.undefined["churn.final"]


def test_properties_measured_later_join_and_metrics_follow() -> None:
    group = PropertyValues(unit="share", better="lower", over="group", values=[0.1, 0.2, 0.3], seeds=[0, 1])
    joined = record().with_properties({"churn": group})
    assert joined.metrics["churn.final"] == pytest.approx(0.2)
    assert joined.metrics["average_accuracy"] == record().metrics["average_accuracy"]
    assert full().with_properties({"churn": group}) == full()


def test_entries_differ_by_everything_but_seeds() -> None:
    base = record().entry
    assert record(spec=spec(seeds={"init": 5, "order": 7})).entry == base
    assert record(accuracy=ROWS[::-1]).entry == base
    assert record(strategy_digest="b" * 64).entry != base
    assert record(spec=spec(lr=0.5)).entry != base
    assert record(spec=spec(epochs=9)).entry != base


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        record().write(tmp_path / "record.json")
    assert list(tmp_path.iterdir()) == []
