"""Metrics: pure functions of a matrix, each with its formula and its source.

A matrix R has a row before training, then one after each task, and a column a task: shape [T + 1, T], with
R[i, j] in the text counting tasks from 1, so that R[i] is the row after task i and R[0] the row before any.
Higher is better. Cells that were not measured are NaN: a metric is what it would be if they were known, or it is
`Undefined`.

Frameworks give one name to different formulas. Here a name has one formula, and what cannot be said has a reason,
never a number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

Evaluated = Literal["sample", "seen", "all"]
"""Which tasks a metric needs evaluated, at least, as `--evaluate` has it; a sample is one of any size."""


class Undefined(Exception):
    """A metric that has no value here; the message says why."""


class NotMeasured(Undefined):
    """A cell that a metric needs was not measured; the message says which."""


def _defined(values: Matrix, what: str) -> Matrix:
    if np.isnan(values).any():
        raise NotMeasured(f"{what} was not measured")
    return values


def _sequence(R: Matrix) -> int:
    tasks = R.shape[1]
    if tasks < 2:
        raise Undefined("there is only one task")
    return tasks


def average_accuracy(R: Matrix) -> float:
    """Mean accuracy over all tasks after the last: 1/T Σ_j R[T, j] (Lopez-Paz & Ranzato 2017)."""
    return float(_defined(R[-1], "the last row").mean())


def average_incremental_accuracy(R: Matrix) -> float:
    """1/T Σ_i 1/i Σ_{j≤i} R[i, j]: mean over time of the mean on the tasks seen (Rebuffi et al. 2017)."""
    return float(np.mean([_defined(R[i, :i], f"a task in the row after task {i}").mean() for i in range(1, len(R))]))


def learning_accuracy(R: Matrix) -> float:
    """Mean accuracy on each task right after it was learned: 1/T Σ_j R[j, j] (Riemer et al. 2019)."""
    return float(_defined(np.diagonal(R, offset=-1), "the diagonal").mean())


def backward_transfer(R: Matrix) -> float:
    """1/(T−1) Σ_{j<T} R[T, j] − R[j, j]; negative: tasks are forgotten (Lopez-Paz & Ranzato 2017, eq. 3)."""
    tasks = _sequence(R)
    return float(_defined(R[-1] - np.diagonal(R, offset=-1), "an accuracy")[: tasks - 1].mean())


def forward_transfer(R: Matrix) -> float:
    """1/(T−1) Σ_{j>1} R[j−1, j] − R[0, j]: known before it is taught (Lopez-Paz & Ranzato 2017, eq. 4)."""
    tasks = _sequence(R)
    ahead = np.array([R[j, j] - R[0, j] for j in range(1, tasks)])  # column j holds task j + 1
    return float(_defined(ahead, "an accuracy before the task").mean())


def forgetting(R: Matrix) -> float:
    """1/(T−1) Σ_{j<T} max_{0<i<T} R[i, j] − R[T, j], in [−1, 1] (Chaudhry et al. 2018, eq. 3).

    Not below zero only if clipped, which this is not; at least −backward_transfer. A maximum over fewer rows
    would flatter, so every row has to be there, those before a task was learned included.
    """
    tasks = _sequence(R)
    best = _defined(R[1:-1, : tasks - 1], "a task in an earlier row").max(0)
    return float((best - _defined(R[-1, : tasks - 1], "the last row")).mean())


def intransigence(R: Matrix, joint: Matrix) -> float:
    """1/T Σ_k J[k, k] − R[k, k]: what learning falls short of joint training (Chaudhry et al. 2018)."""
    return learning_accuracy(joint) - learning_accuracy(R)


def forgetting_ratio(R: Matrix, joint: Matrix, chance: Matrix) -> float:
    """ρ = 1/T Σ_j (R[T, j] − C[j]) / (J[T, j] − C[j]) − 1; 0: joint, −1: guessing (Serrà et al. 2018)."""
    room = _defined(joint[-1], "joint training") - chance
    if (room <= 0.01).any():
        raise Undefined("joint training is no better than chance on some task")
    return float(np.mean((_defined(R[-1], "the last row") - chance) / room) - 1)


def minimum_accuracy(R: Matrix, later: list[Matrix]) -> float:
    """min-ACC: 1/(T−1) Σ_{j<T} of the lowest accuracy on task j after its end (De Lange et al. 2023).

    Args:
        R: the matrix.
        later: for each task but the last, its accuracies at all evaluations after its end.
    """
    _sequence(R)
    if not all(len(values) for values in later):
        raise Undefined("nothing was evaluated within tasks: ask for it with --evaluate-every, often enough")
    return float(np.mean([_defined(values, "an accuracy").min() for values in later]))


def worst_case_accuracy(R: Matrix, later: list[Matrix]) -> float:
    """WC-ACC: 1/T R[T, T] + (1 − 1/T) min-ACC (De Lange et al. 2023)."""
    tasks = R.shape[1]
    last = float(_defined(R[-1, -1:], "the last accuracy")[0])
    return last / tasks + (1 - 1 / tasks) * minimum_accuracy(R, later)


def relearning(R: Matrix, returns: list[tuple[int, int]]) -> float:
    """1/n Σ_r R[r, r] − R[f, f] over the n returns r to tasks first learned as f: what a further visit adds (our own).

    Args:
        R: the matrix.
        returns: the numbers, from 1, of each first visit and of the later visit compared with it.
    """
    if not returns:
        raise Undefined("no task comes back")
    learned = np.diagonal(R, offset=-1)  # of task j at place j − 1
    gained = np.array([learned[again - 1] - learned[first - 1] for first, again in returns])
    return float(_defined(gained, "an accuracy right after a visit").mean())


def savings(curves: list[tuple[Matrix, Matrix]]) -> float:
    """1/n Σ_r 1 − s_r / s_f: share of the steps to a criterion that a return saves (after Ebbinghaus 1885).

    s is the first evaluated step of a visit, 0 being its beginning, at which the accuracy comes to nine tenths of the
    way from the beginning to the end of the first visit; the very end is left to chance in the last steps. So s is as
    fine as `--evaluate-every`. 1: nothing had to be relearned; below 0: a return takes longer.

    Args:
        curves: of each return, that of the first visit and its own: rows of a step and the accuracy there, from step 0
            to the end of the visit.
    """
    if not curves:
        raise Undefined("no task comes back")
    if all(len(curve) <= 2 for pair in curves for curve in pair):
        raise Undefined("nothing was evaluated within tasks: ask for it with --evaluate-every, often enough")
    saved = []
    for pair in curves:
        for curve in pair:
            _defined(curve, "an accuracy at or within a visit")
        begins, ends = pair[0][[0, -1], 1]
        if ends <= begins:
            raise Undefined("the accuracy does not rise in a first visit: there is nothing to relearn")
        reached = [curve[curve[:, 1] >= begins + 0.9 * (ends - begins), 0] for curve in pair]
        if not len(reached[1]):
            raise Undefined("a return does not come to nine tenths of what the first visit learned")
        first, again = (float(steps[0]) for steps in reached)
        saved.append(1 - again / first)
    return float(np.mean(saved))


def gap_closed(accuracy: float, naive: float, joint: float) -> float:
    """(accuracy − naive) / (joint − naive): the share of what joint training gains over naive.

    Above 1 where joint training, which has the same budget and begins anew with every task, is no bound: with few
    passes, as on streams of one, whoever goes through examples more often can end above it.
    """
    _defined(np.array([accuracy, naive, joint]), "an accuracy")
    if joint - naive < 0.01:
        raise Undefined("joint training is not better than naive")
    return (accuracy - naive) / (joint - naive)


@dataclass(frozen=True)
class Metric:
    """What a table says about a metric.

    Attributes:
        name: as in records and on the command line.
        better: which direction is.
        summary: formula and source.
        needs: "matrix", or what else it is computed from.
        evaluate: what it needs.
    """

    name: str
    better: Literal["higher", "lower"]
    summary: str
    needs: Literal["matrix", "anytime", "returns", "anytime of returns", "joint", "naive and joint"]
    evaluate: Evaluated


def _metric(
    function: Callable[..., float], better: Literal["higher", "lower"], needs: str = "matrix", evaluate: str = "sample"
) -> Metric:
    summary = (function.__doc__ or "").partition("\n")[0]
    return Metric(function.__name__, better, summary, needs, evaluate)  # type: ignore[arg-type]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric(average_accuracy, "higher"),
        _metric(average_incremental_accuracy, "higher", evaluate="seen"),
        _metric(learning_accuracy, "higher"),
        _metric(backward_transfer, "higher"),
        _metric(forward_transfer, "higher", evaluate="all"),
        _metric(forgetting, "lower", evaluate="all"),
        _metric(minimum_accuracy, "higher", "anytime", evaluate="seen"),
        _metric(worst_case_accuracy, "higher", "anytime", evaluate="seen"),
        _metric(relearning, "higher", "returns"),
        _metric(savings, "higher", "anytime of returns", evaluate="all"),
        _metric(intransigence, "lower", "joint"),
        _metric(forgetting_ratio, "higher", "joint"),
        _metric(gap_closed, "higher", "naive and joint"),
    )
}

PROPERTY_METRICS: dict[str, Callable[[Matrix], float]] = {
    "final": average_accuracy,
    "learned": learning_accuracy,
    "backward_transfer": backward_transfer,
    "forgetting": forgetting,
}
"""What is said of any property's matrix, as `NAME.final` and so on: the very functions used for accuracy."""


def property_metric(name: str, P: Matrix, better: Literal["higher", "lower"]) -> float:
    """One of `PROPERTY_METRICS` of a property, in its own unit.

    Where lower is better the matrix is negated, so that forgetting is how much worse the property became
    and a negative backward transfer always means worse; averages keep their sign. A property is measured from
    when a task is learned: there is no value before that could be the best.
    """
    sign = 1 if better == "higher" else -1
    signed = sign * P
    if name == "forgetting":
        signed[np.triu_indices_from(P)] = -np.inf
    value = PROPERTY_METRICS[name](signed)
    return sign * value if name in {"final", "learned"} else value


def property_needs(name: str) -> Evaluated:
    """Which tasks one of `PROPERTY_METRICS` needs a property measured on, at least."""
    return "seen" if name == "forgetting" else "sample"


def group_mean(values: list[float | None]) -> float:
    """Mean over tasks of a property measured over a group of runs."""
    return float(_defined(np.array(values, dtype=np.float64), "a task").mean())


def metric_direction(name: str, properties: dict[str, Literal["higher", "lower"]]) -> Literal["higher", "lower"]:
    """Which direction of a metric is better, `NAME.final` and its like included.

    Args:
        name: a metric.
        properties: which direction of each property is.
    """
    owner, _, part = name.rpartition(".")
    if not owner:
        return METRICS[name].better
    if part == "forgetting":
        return "lower"
    return "higher" if part == "backward_transfer" else properties[owner]
