"""Every metric that one record alone can give, and why the others have no value."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from benchmark import metrics
from benchmark.metrics import METRICS, PROPERTY_METRICS, Evaluated, Matrix, NotMeasured, Undefined, property_needs

if TYPE_CHECKING:
    from benchmark.record import PropertyValues, RunRecord

Summary = tuple[dict[str, float | None], dict[str, str]]


def summary(record: "RunRecord") -> Summary:
    """All metrics by name, None where undefined; and the reasons, by name."""
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}

    def take(name: str, metric: Callable[[], float]) -> None:
        try:
            values[name] = metric()
        except Undefined as reason:
            values[name] = None
            undefined[name] = str(reason)

    matrix = record.matrix
    for name in METRICS:
        take(name, lambda: _of_accuracy(name, matrix, record))  # noqa: B023
    for name, measured in record.properties.items():
        if measured.over == "group":
            take(f"{name}.final", lambda: _of_group(measured))  # noqa: B023
            continue
        cells = record.property_matrix(name)
        for part in PROPERTY_METRICS:
            take(f"{name}.{part}", lambda: _of_property(part, cells, measured, record))  # noqa: B023
    return values, undefined


def _of_accuracy(name: str, matrix: Matrix, record: "RunRecord") -> float:
    needs = METRICS[name].needs
    if record.status != "completed":
        raise Undefined(f"the run {record.status}")
    if needs in {"joint", "naive and joint"}:
        raise Undefined(f"it compares with {needs} of the same protocol")
    if name == "forward_transfer" and record.kind == "class" and record.active == "seen":
        raise Undefined("classes not seen yet are masked, so nothing can be right before")
    function: Callable[..., float] = getattr(metrics, name)
    try:
        if needs == "anytime":
            return function(matrix, _later(matrix, record))
        if needs == "returns":
            return function(matrix, _returns(record))
        return function(_curves(matrix, record)) if needs == "anytime of returns" else function(matrix)
    except NotMeasured as reason:
        raise Undefined(f"{reason}{_advice(METRICS[name].evaluate, record)}") from None


def _of_property(part: str, cells: Matrix, measured: "PropertyValues", record: "RunRecord") -> float:
    try:
        return metrics.property_metric(part, cells, measured.better)
    except NotMeasured as reason:
        why = _advice(property_needs(part), record) or (f": {measured.reason}" if measured.reason else "")
        raise Undefined(f"{reason}{why}") from None


def _of_group(measured: "PropertyValues") -> float:
    try:
        return metrics.group_mean(measured.values)  # type: ignore[arg-type]
    except NotMeasured as reason:
        raise Undefined(f"{reason}: {measured.reason}" if measured.reason else str(reason)) from None


def _advice(needed: Evaluated, record: "RunRecord") -> str:
    """What to ask for where the run was asked to evaluate less than a metric needs."""
    grades = ("sample", "seen", "all")
    asked = record.spec.evaluate.partition("=")[0]
    return f": ask for --evaluate {needed}" if grades.index(asked) < grades.index(needed) else ""


def _later(matrix: Matrix, record: "RunRecord") -> list[Matrix]:
    """For each task but the last, its accuracies after its end, where some were measured within tasks."""
    tasks = len(record.tasks)
    if not record.anytime:
        return [np.empty(0)] * (tasks - 1)
    during = np.array([row.task for row in record.anytime])
    within = np.array([row.accuracy for row in record.anytime], dtype=np.float64)
    return [np.concatenate([within[during > j + 1, j], matrix[j + 2 :, j]]) for j in range(tasks - 1)]


def _returns(record: "RunRecord") -> list[tuple[int, int]]:
    """The numbers, from 1, of each task that comes back and of the visit that it comes back as."""
    return [(task.returns, number) for number, task in enumerate(record.tasks, start=1) if task.returns is not None]


def _curves(matrix: Matrix, record: "RunRecord") -> list[tuple[Matrix, Matrix]]:
    """For each return how the first visit went and how it went itself: steps and accuracies, ends included."""
    returns = _returns(record)
    if returns and len(record.costs) < len(record.tasks):
        raise Undefined("how many steps a task took is not recorded")

    def curve(number: int) -> Matrix:
        within = [(row.step, row.accuracy[number - 1]) for row in record.anytime if row.task == number]
        start, end = (0, matrix[number - 1, number - 1]), (record.costs[number - 1].steps, matrix[number, number - 1])
        return np.array([start, *within, end], dtype=np.float64)

    return [(curve(first), curve(again)) for first, again in returns]
