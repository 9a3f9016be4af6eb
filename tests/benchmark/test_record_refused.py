"""What is no record, or contradicts itself, is refused in one line that names the field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from records import ROWS, full, record, refused

from benchmark.record import PropertyValues


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
