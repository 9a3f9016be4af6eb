"""Records made up for tests, and how a file is refused that should be one."""

from pathlib import Path
from typing import Any

import pytest

from benchmark.record import AnytimeRow, Environment, PropertyValues, RunRecord, TaskCosts, TaskFacts, read_record
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
