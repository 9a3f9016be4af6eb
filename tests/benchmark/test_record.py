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

from benchmark.files import write_atomically
from benchmark.metrics import METRICS
from benchmark.record import (
    AnytimeRow,
    Environment,
    PropertyValues,
    RunRecord,
    TaskCosts,
    TaskFacts,
    read_record,
    record_schema,
)
from benchmark.spec import RunSpec
from scenarios.errors import RequestError

TEST = 40
COMPARED = {"intransigence", "forgetting_ratio", "gap_closed"}
ROWS = [[0.5, 0.5, 0.5], [0.9, 0.6, 0.2], [0.7, 0.8, 0.5], [0.6, 0.9, 0.7]]


def spec(**changes: Any) -> RunSpec:
    fields: dict[str, Any] = {
        "scenario": "split-digits:task,tasks=3",
        "strategy": "ewc",
        "hyperparameters": {"strength": 100.0, "fisher": "true"},
        "network": "mlp:100",
        "epochs": 2,
        "seeds": {"init": 1, "order": 1},
        **changes,
    }
    return RunSpec.checked(**fields)


def fields(**changes: Any) -> dict[str, Any]:
    """Everything in a record but its metrics."""
    about = changes.pop("spec", spec())
    tasks = tuple(
        TaskFacts(
            name=f"task {index}",
            classes=(f"{2 * index}", f"{2 * index + 1}"),
            outputs=(2 * index, 2 * index + 1),
            training=100,
            validation=10,
            test=TEST,
            chance=0.5,
        )
        for index in range(3)
    )
    costs = TaskCosts(
        seconds=1.5, steps=8, examples_forward=200, examples_backward=200, bytes_remembered=64, parameters=9
    )
    environment = Environment(
        python="3.11", torch="2.6", platform="Linux", cores=2, threads=1, device="cpu", forgetless="0.1", commit=None
    )
    return {
        "status": "completed",
        "spec": about,
        "protocol": about.protocol,
        "scenario_digest": "d" * 64,
        "strategy_digest": "a" * 64,
        "kind": "task",
        "active": "seen",
        "tasks": tasks,
        "accuracy": ROWS,
        "costs": [costs] * 3,
        "environment": environment,
        **changes,
    }


def record(**changes: Any) -> RunRecord:
    return RunRecord.with_metrics(fields(**changes))


def full() -> RunRecord:
    """A record with something in every field."""
    cells = PropertyValues(
        unit="share",
        better="lower",
        over="cell",
        values=[[None] * 3, [0.1, None, None], [0.2, 0.1, None], [0.3, 0.2, 0.1]],
        reason="not before a task is learned",
        beside={"bound": [[None] * 3] * 4},
    )
    group = PropertyValues(unit="share", better="lower", over="group", values=[0.1, 0.2, 0.3], seeds=[0, 1])
    rows = [
        AnytimeRow(task=2, step=4, accuracy=(0.4, 0.6, 0.2)),
        AnytimeRow(task=3, step=4, accuracy=(0.7, 0.85, 0.5)),
    ]
    return record(properties={"calibration": cells, "churn": group}, anytime=rows)


def refused(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        read_record(path)
    (line,) = str(caught.value).splitlines()
    assert str(path) in line
    return line


@pytest.fixture
def tampered(tmp_path: Path) -> Callable[..., str]:
    """What a record is refused with once its JSON has been changed; the path inside it, and the new value."""

    def refusal(*place: Any) -> str:
        *path, last, value = place
        document = json.loads(full().to_json())
        inner = document
        for key in path:
            inner = inner[key]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
        file = tmp_path / "record.json"
        file.write_text(json.dumps(document))
        return refused(file)

    return refusal


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


def test_not_a_number_gets_in_nowhere(tampered: Callable[..., str], tmp_path: Path) -> None:
    nan = float("nan")
    rows = [[0.5, 0.5, 0.5], [0.9, 0.6, 0.2], [0.7, 0.8, 0.5], [0.6, 0.9, nan]]
    with pytest.raises(ValueError, match="finite number"):
        record(accuracy=rows)
    with pytest.raises(ValueError, match="finite number"):
        PropertyValues(unit="share", better="lower", over="cell", values=[[nan]])
    assert "NaN" in tampered("accuracy", 0, 0, nan)
    assert "NaN" in tampered("properties", "calibration", "beside", {"a": nan})
    assert "Infinity" in tampered("metrics", "forgetting", float("inf"))
    (tmp_path / "record.json").write_text(full().to_json().replace("0.85", "1e999"))
    assert "finite number" in refused(tmp_path / "record.json")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (("metrics", "average_accuracy", 0.99), "metrics.average_accuracy is 0.99, but the matrices give 0.7"),
        (("metrics", "average_accuracy", None), "metrics.average_accuracy is None"),
        (("metrics", "forgetting", ...), "metrics.forgetting is None"),
        (("metrics", "gap_closed", 1.0), "metrics.gap_closed is 1.0, but the matrices give None"),
        (("metrics", "calibration.final", 0.0), "metrics.calibration.final is 0.0"),
        (("metrics", "brilliance", 1.0), "metrics.brilliance is 1.0"),
        (("metrics", {}), "metrics."),
        (("accuracy", 3, 0, 0.65), "metrics."),
        (("accuracy", 3, 0, 0.61), "0.61 is no accuracy on 40 test examples"),
        (("accuracy", 3, 0, 1.5), "1.5 is no accuracy"),
        (("accuracy", 3, 0, -0.5), "-0.5 is no accuracy"),
        (("accuracy", 3, 0, None), "accuracy.3.0 is null, but evaluate=all asks for it"),
        (("accuracy", 3, 0, "high"), "accuracy.3.0='high'"),
        (("accuracy", 3, [0.6, 0.9]), "a row of accuracies has 2 values for 3 tasks"),
        (("accuracy", ROWS[:3]), "accuracy has 3 rows; 3 tasks and the start make 4"),
        (("accuracy", [*ROWS, ROWS[0]]), "accuracy has 5 rows"),
        (("accuracy", []), "accuracy has 0 rows"),
        (("accuracy", ...), "accuracy: field required"),
        (("anytime", 0, "accuracy", [0.5]), "a row of accuracies has 1 values for 3 tasks"),
        (("anytime", 0, "accuracy", 0, 0.51), "0.51 is no accuracy on 40 test examples"),
        (("anytime", 0, "accuracy", 1, None), "anytime.0.1 is null, but evaluate=all asks for it"),
        (("anytime", 0, "step", 0), "anytime.0.step=0"),
        (("anytime", 0, "task", 4), "anytime has a row within a task that is not among the 3"),
        (("tasks", []), "tasks="),
        (("tasks", 0, "test", 0), "tasks.0.test=0"),
        (("protocol", "0" * 12), "protocol is '000000000000', but its specification has"),
        (("spec", "epochs", 3), "protocol is"),
        (("spec", "lr", -1), "spec.lr=-1 is not possible"),
        (("spec", "iterations", 5), "give epochs or iterations"),
        (("status", "splendid"), "status='splendid'"),
        (("kind", "both"), "kind='both'"),
        (("properties", "calibration", "values", [[0.1]]), "properties.calibration has the wrong shape"),
        (("properties", "calibration", "values", [[None] * 3] * 5), "properties.calibration has the wrong shape"),
        (("properties", "calibration", "values", [0.1, 0.2, 0.3]), "properties.calibration has the wrong shape"),
        (("properties", "calibration", "values", [["a"] * 3] * 4), "properties.calibration.values"),
        (("properties", "calibration", "values", [{"a": 1}]), "properties.calibration.values"),
        (("properties", "churn", "values", [0.1]), "properties.churn has the wrong shape"),
        (("properties", "churn", "values", [[0.1] * 3]), "properties.churn has the wrong shape"),
        (("properties", "calibration", "better", "brighter"), "properties.calibration.better='brighter'"),
        (("environment", "cores", "two"), "environment.cores='two'"),
        (("costs", 0, "seconds", "long"), "costs.0.seconds='long'"),
        (("a\nfield", 1), "a field: extra inputs are not permitted"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused_by_field(
    tampered: Callable[..., str], place: tuple[Any, ...], says: str
) -> None:
    assert says in tampered(*place)


def test_a_run_that_diverged_cannot_claim_a_metric(tmp_path: Path) -> None:
    document = json.loads(record(status="diverged", reason="nan", accuracy=ROWS[:2]).to_json())
    document["metrics"]["average_accuracy"] = 0.99
    (tmp_path / "record.json").write_text(json.dumps(document))
    assert "metrics.average_accuracy is 0.99" in refused(tmp_path / "record.json")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "gone.json")
    assert "record.json cannot be read" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is not JSON"),
        (b"accuracy: high", "it is not JSON"),
        (full().to_json().encode()[:-20], "it is not JSON"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"9" * 10_000, "it is not JSON"),
        (b"NaN", "it is not JSON"),
        (b"[]", "its schema is None"),
        (b"null", "its schema is None"),
        (b"{}", "its schema is None"),
        (b'{"schema": "forgetless.record/2"}', "its schema is 'forgetless.record/2'"),
        (b'{"schema": ["a"]}', "its schema is ['a']"),
        (b'{"schema": "forgetless.record/1"}', "status: field required"),
        (full().to_json().replace("0.85", "1" + "0" * 400).encode(), "is no valid record"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "record.json").write_bytes(content)
    assert says in refused(tmp_path / "record.json")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        record().write(tmp_path / "record.json")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_move(path: Path, target: Path) -> None:
        raise PermissionError

    write_atomically(tmp_path / "deep" / "file", b"old")
    monkeypatch.setattr(Path, "replace", no_move)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "deep" / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "deep").iterdir()] == [("file", b"old")]


def test_a_write_replaces_the_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"a long first content")
    write_atomically(tmp_path / "file", b"short")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"short")]
