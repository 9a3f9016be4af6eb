"""Records of a thousand tasks: whole on the way to disk and back, and their metrics those of plain loops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.coverage import Coverage
from benchmark.record import AnytimeRow, Environment, PropertyValues, RunRecord, TaskCosts, TaskFacts, read_record
from benchmark.spec import RunSpec
from leaderboard.board import tables
from leaderboard.store import Store

TASKS, TEST = 1000, 364

Rows = list[list[float | None]]


def drawn(rows: list[list[int]], seed: int) -> Rows:
    """Accuracies drawn at random on the tasks of each row."""
    whole = np.random.default_rng(seed).integers(0, TEST + 1, size=(len(rows), TASKS)) / TEST
    mask = np.zeros(whole.shape, dtype=bool)
    for row, tasks in zip(mask, rows, strict=True):
        row[tasks] = True
    return [
        [value if there else None for value, there in zip(values, places, strict=True)]
        for values, places in zip(whole.tolist(), mask.tolist(), strict=True)
    ]


def record(evaluate: str) -> RunRecord:
    seeds: Any = {"init": 0, "order": 0}
    scenario = f"permuted-digits:domain,tasks={TASKS}"
    spec = RunSpec(
        scenario=scenario, strategy="naive", network="mlp:100", iterations=20, seeds=seeds, evaluate=evaluate
    )
    coverage = Coverage(spec, TASKS)
    within = drawn([coverage.within(task) for task in range(TASKS)], 2)
    cells = drawn([coverage.seen(row - 1) for row in range(TASKS + 1)], 1)
    costs = TaskCosts(
        seconds=0.1, steps=20, examples_forward=200, examples_backward=200, bytes_remembered=0, parameters=9
    )
    fields: dict[str, Any] = {
        "status": "completed",
        "spec": spec,
        "protocol": spec.protocol,
        "scenario_digest": "d" * 64,
        "strategy_digest": "a" * 64,
        "kind": "domain",
        "active": "seen",
        "tasks": tuple(
            TaskFacts(
                name=f"permutation {task + 1}",
                classes=tuple("0123456789"),
                outputs=tuple(range(10)),
                training=1294,
                validation=139,
                test=TEST,
                chance=0.1,
            )
            for task in range(TASKS)
        ),
        "accuracy": drawn([coverage.after(row - 1) for row in range(TASKS + 1)], 0),
        "anytime": [AnytimeRow(task=task + 1, step=10, accuracy=tuple(row)) for task, row in enumerate(within)],
        "properties": {"calibration": PropertyValues(unit="share", better="lower", over="cell", values=cells)},
        "costs": [costs] * TASKS,
        "environment": Environment(
            python="3.11", torch="2.6", platform="", cores=2, threads=1, device="cpu", forgetless="0.1", commit=None
        ),
    }
    return RunRecord.with_metrics(fields)


@pytest.mark.parametrize("evaluate", ["seen", "sample=10"])
def test_a_record_of_a_thousand_tasks_is_written_read_posted_and_compared(evaluate: str, tmp_path: Path) -> None:
    made = record(evaluate)
    made.write(tmp_path / "record.json")
    read = read_record(tmp_path)
    assert read == made
    assert read.matrix.shape == (TASKS + 1, TASKS)
    store = Store(tmp_path / "board.db")
    assert [outcome.new for outcome in store.post([read])] == [True]
    (table,) = tables(store.records())
    (row,) = table.rows
    defined = {name: value for name, value in made.metrics.items() if value is not None}
    assert {name: value.mean for name, value in row.metrics.items()} == pytest.approx(defined)
    assert len(defined) == (10 if evaluate == "seen" else 6)
    assert set(made.undefined) == made.metrics.keys() - defined.keys()


def test_metrics_of_a_thousand_tasks_are_those_of_plain_loops() -> None:
    made = record("all")
    rows: Any = made.accuracy
    within: Any = [row.accuracy for row in made.anytime]
    forgotten = lowest = 0.0
    for task in range(TASKS - 1):
        forgotten += max(rows[row][task] for row in range(1, TASKS)) - rows[TASKS][task]
        later = [rows[row][task] for row in range(task + 2, TASKS + 1)]
        lowest += min(later + [within[other][task] for other in range(task + 1, TASKS)])
    assert made.metrics["forgetting"] == pytest.approx(forgotten / (TASKS - 1))
    assert made.metrics["minimum_accuracy"] == pytest.approx(lowest / (TASKS - 1))
