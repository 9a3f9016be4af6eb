"""Valid records without a training step, and boards to post them to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.record import AnytimeRow, Environment, PropertyValues, RunRecord, TaskFacts
from benchmark.spec import RunSpec, Seeds

TEST = 100
"""Test examples of each task: accuracies are whole hundredths."""

Values = list[list[float]]


def accuracies(seed: int, tasks: int = 2) -> Values:
    """A matrix of accuracies, [tasks + 1, tasks], drawn by the seed."""
    draws = np.random.default_rng(seed).integers(0, TEST + 1, size=(tasks + 1, tasks))
    return [[int(draw) / TEST for draw in row] for row in draws]


def flat(final: float, learned: float | None = None) -> Values:
    """Two tasks: learned to `learned` each, and all at `final` in the end. Average accuracy is `final`."""
    first = final if learned is None else learned
    return [[0.5, 0.5], [first, 0.5], [final, final]]


def run(
    strategy: str = "naive",
    seed: int = 0,
    accuracy: Sequence[Sequence[float | None]] | None = None,
    *,
    status: str = "completed",
    properties: dict[str, PropertyValues] | None = None,
    source: str = "a" * 64,
    data: str = "d" * 64,
    anytime: list[AnytimeRow] | None = None,
    **spec: Any,
) -> RunRecord:
    """A record of a run on two tasks of split-digits with two classes each, unless `accuracy` has more."""
    rows = accuracies(seed) if accuracy is None else accuracy
    rows = rows if status == "completed" else rows[:2]
    asked = {"scenario": "split-digits:task", "network": "mlp:100", "epochs": 3, **spec}
    fields: dict[str, Any] = {
        "status": status,
        "reason": None if status == "completed" else f"it {status}",
        "spec": RunSpec(strategy=strategy, seeds=Seeds(init=seed, order=seed), **asked),
        "scenario_digest": data,
        "strategy_digest": source,
        "kind": "task",
        "active": "seen",
        "tasks": tuple(_task(index) for index in range(len(rows[0]))),
        "accuracy": rows,
        "anytime": anytime or [],
        "properties": properties or {},
        "environment": Environment(
            python="3.11", torch="2.6", platform="Linux", cores=2, threads=1, device="cpu", forgetless="0",
            commit=None,
        ),
    }  # fmt: skip
    return RunRecord.with_metrics({**fields, "protocol": fields["spec"].protocol})


def _task(index: int) -> TaskFacts:
    classes = (2 * index, 2 * index + 1)
    return TaskFacts(
        name=f"task {index}",
        classes=tuple(map(str, classes)),
        outputs=classes,
        training=80,
        validation=10,
        test=TEST,
        chance=0.5,
    )


def measured(*rows: list[float | None], better: str = "higher", unit: str = "share") -> PropertyValues:
    """A property over cells; a row before training, then one a task."""
    return PropertyValues(unit=unit, better=better, over="cell", values=list(rows))
