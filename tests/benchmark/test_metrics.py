"""Metrics against arithmetic that can be followed by hand."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark import metrics
from benchmark.metrics import (
    METRICS,
    PROPERTY_METRICS,
    Matrix,
    NotMeasured,
    Undefined,
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forgetting_ratio,
    forward_transfer,
    gap_closed,
    group_mean,
    intransigence,
    learning_accuracy,
    metric_direction,
    minimum_accuracy,
    property_metric,
    relearning,
    savings,
    worst_case_accuracy,
)

R = np.array(
    [
        [0.5, 0.4, 0.3],  # before training
        [0.9, 0.6, 0.2],  # after task 1
        [0.7, 0.8, 0.5],
        [0.6, 0.9, 0.7],
    ]
)
JOINT = np.array(
    [
        [0.5, 0.4, 0.3],
        [0.9, 0.6, 0.2],
        [0.9, 0.9, 0.5],
        [0.8, 1.0, 0.9],
    ]
)
CHANCE = np.array([0.5, 0.5, 0.5])
SURVEY = np.array(
    [
        [0.10, 0.10, 0.10, 0.10],
        [0.90, 0.10, 0.10, 0.10],
        [0.60, 0.85, 0.10, 0.10],
        [0.95, 0.55, 0.88, 0.10],
        [0.70, 0.90, 0.60, 0.92],
    ]
)
LATER = [np.array([0.4, 0.7, 0.6]), np.array([0.85, 0.9])]
NOTHING = np.nan

OF_A_MATRIX: list[Callable[[Matrix], float]] = [
    average_accuracy,
    average_incremental_accuracy,
    learning_accuracy,
    backward_transfer,
    forward_transfer,
    forgetting,
]
OF_A_SEQUENCE = [backward_transfer, forward_transfer, forgetting]


def matrices(low: float = 0.0) -> st.SearchStrategy[Matrix]:
    return st.integers(2, 5).flatmap(lambda tasks: arrays(np.float64, (tasks + 1, tasks), elements=st.floats(low, 1)))


def test_average_accuracy() -> None:
    assert average_accuracy(R) == pytest.approx((0.6 + 0.9 + 0.7) / 3)


def test_average_incremental_accuracy() -> None:
    rows = [0.9, (0.7 + 0.8) / 2, (0.6 + 0.9 + 0.7) / 3]
    assert average_incremental_accuracy(R) == pytest.approx(sum(rows) / 3)


def test_learning_accuracy() -> None:
    assert learning_accuracy(R) == pytest.approx((0.9 + 0.8 + 0.7) / 3)


def test_backward_transfer() -> None:
    assert backward_transfer(R) == pytest.approx(((0.6 - 0.9) + (0.9 - 0.8)) / 2)


def test_forward_transfer() -> None:
    assert forward_transfer(R) == pytest.approx(((0.6 - 0.4) + (0.5 - 0.3)) / 2)


def test_forgetting() -> None:
    assert forgetting(R) == pytest.approx(((max(0.9, 0.7) - 0.6) + (max(0.6, 0.8) - 0.9)) / 2)


def test_forgetting_leaves_out_the_rows_before_training_and_after_the_last_task() -> None:
    untrained, last = R.copy(), R.copy()
    untrained[0] = 1.0
    assert forgetting(untrained) == forgetting(R)
    last[-1, 0] = 1.0
    assert forgetting(last) == pytest.approx(((0.9 - 1.0) + (0.8 - 0.9)) / 2)


def test_intransigence() -> None:
    assert intransigence(R, JOINT) == pytest.approx(((0.9 - 0.9) + (0.9 - 0.8) + (0.9 - 0.7)) / 3)


def test_forgetting_ratio() -> None:
    ratios = [(0.6 - 0.5) / (0.8 - 0.5), (0.9 - 0.5) / (1.0 - 0.5), (0.7 - 0.5) / (0.9 - 0.5)]
    assert forgetting_ratio(R, JOINT, CHANCE) == pytest.approx(sum(ratios) / 3 - 1)


def test_forgetting_ratio_of_guessing_is_minus_one() -> None:
    guessing = np.vstack([R[:-1], CHANCE])
    assert forgetting_ratio(guessing, JOINT, CHANCE) == pytest.approx(-1)


def test_minimum_accuracy() -> None:
    assert minimum_accuracy(R, LATER) == pytest.approx((0.4 + 0.85) / 2)


def test_worst_case_accuracy() -> None:
    assert worst_case_accuracy(R, LATER) == pytest.approx(1 / 3 * 0.7 + (1 - 1 / 3) * (0.4 + 0.85) / 2)


VISITS = np.array(
    [  # A B A B: the columns of a task and of its later visit are of the same test examples
        [0.1, 0.2, 0.1, 0.2],
        [0.8, 0.2, 0.8, 0.2],
        [0.3, 0.6, 0.3, 0.6],
        [0.9, 0.5, 0.9, 0.5],
        [0.4, 0.7, 0.4, 0.7],
    ]
)


def test_relearning() -> None:
    assert relearning(VISITS, [(1, 3), (2, 4)]) == pytest.approx(((0.9 - 0.8) + (0.7 - 0.6)) / 2)
    assert relearning(VISITS, [(1, 3)]) == pytest.approx(0.9 - 0.8)
    # A B A A: both returns are compared with the first visit.
    assert relearning(VISITS, [(1, 3), (1, 4)]) == pytest.approx(((0.9 - 0.8) + (0.7 - 0.8)) / 2)


def test_relearning_reads_the_diagonal_alone() -> None:
    partly = np.full_like(VISITS, NOTHING)
    for task in range(4):
        partly[task + 1, task] = VISITS[task + 1, task]
    assert relearning(partly, [(1, 3), (2, 4)]) == relearning(VISITS, [(1, 3), (2, 4)])
    partly[4, 3] = NOTHING
    with pytest.raises(NotMeasured):
        relearning(partly, [(1, 3), (2, 4)])
    assert relearning(partly, [(1, 3)]) == pytest.approx(0.9 - 0.8)


def curve(*points: tuple[int, float]) -> Matrix:
    return np.array(points, dtype=np.float64)


FIRST = curve((0, 0.2), (10, 0.5), (20, 0.7), (30, 0.9), (40, 0.8))
"""It goes from 0.2 to 0.8: nine tenths of the way are 0.74, which it reaches after 30 steps."""


@pytest.mark.parametrize(
    ("again", "saved"),
    [
        (curve((0, 0.3), (10, 0.85), (20, 0.6), (40, 0.9)), 1 - 10 / 30),
        (curve((0, 0.8), (10, 0.2), (40, 0.9)), 1),  # nothing was forgotten
        (curve((0, 0.1), (10, 0.73), (30, 0.75), (40, 0.9)), 0),
        (curve((0, 0.1), (10, 0.5), (40, 0.8)), 1 - 40 / 30),  # it took longer
    ],
)
def test_savings(again: Matrix, saved: float) -> None:
    assert savings([(FIRST, again)]) == pytest.approx(saved)
    assert savings([(FIRST, again), (FIRST, FIRST)]) == pytest.approx(saved / 2)


def test_what_has_no_savings_says_why() -> None:
    for metric in (lambda: relearning(VISITS, []), lambda: savings([])):
        with pytest.raises(Undefined, match="no task comes back"):
            metric()
    ends = curve((0, 0.1), (40, 0.8))
    for again, reason in (
        (curve((0, 0.1), (10, 0.3), (40, 0.73)), "does not come to nine tenths"),
        (curve((0, 0.1), (10, NOTHING), (40, 0.9)), "not measured"),
    ):
        with pytest.raises(Undefined, match=reason):
            savings([(FIRST, again)])
    with pytest.raises(Undefined, match="--evaluate-every"):
        savings([(ends, ends)])
    with pytest.raises(Undefined, match="does not rise"):
        savings([(curve((0, 0.5), (10, 0.2), (40, 0.5)), FIRST)])


def test_gap_closed() -> None:
    assert gap_closed(0.7, naive=0.5, joint=0.9) == pytest.approx((0.7 - 0.5) / (0.9 - 0.5))
    assert gap_closed(0.5, naive=0.5, joint=0.9) == 0
    assert gap_closed(0.9, naive=0.5, joint=0.9) == 1
    assert gap_closed(0.4, naive=0.5, joint=0.9) < 0


def test_the_matrix_on_which_frameworks_differ() -> None:
    assert forgetting(SURVEY) == pytest.approx(((0.95 - 0.70) + (0.85 - 0.90) + (0.88 - 0.60)) / 3)
    assert round(forgetting(SURVEY), 3) == 0.160
    assert backward_transfer(SURVEY) == pytest.approx(((0.70 - 0.90) + (0.90 - 0.85) + (0.60 - 0.88)) / 3)
    assert round(backward_transfer(SURVEY), 3) == -0.143


@given(matrices())
def test_forgetting_is_at_least_what_is_lost_since_learning(R: Matrix) -> None:
    assert forgetting(R) >= -backward_transfer(R) - 1e-12


@given(matrices())
def test_accuracies_stay_within_zero_and_one_and_differences_within_one(R: Matrix) -> None:
    for metric in OF_A_MATRIX:
        low = -1 if metric in OF_A_SEQUENCE else 0
        assert low - 1e-12 <= metric(R) <= 1 + 1e-12


@given(matrices())
def test_a_matrix_that_never_changes_forgets_and_transfers_nothing(R: Matrix) -> None:
    still = np.broadcast_to(R[0], R.shape)
    assert [metric(still) for metric in OF_A_SEQUENCE] == [0, 0, 0]


@given(matrices(low=0.02))
def test_against_itself_nothing_is_lost(R: Matrix) -> None:
    assert intransigence(R, R) == 0
    assert forgetting_ratio(R, R, np.zeros(R.shape[1])) == pytest.approx(0)


@given(matrices())
def test_metrics_leave_the_matrix_as_it_was(R: Matrix) -> None:
    before = R.copy()
    for metric in OF_A_MATRIX:
        metric(R)
    assert np.array_equal(R, before)


@pytest.mark.parametrize("metric", OF_A_SEQUENCE)
def test_one_task_is_no_sequence(metric: Callable[[Matrix], float]) -> None:
    with pytest.raises(Undefined, match="only one task"):
        metric(np.array([[0.5], [0.9]]))


def test_one_task_has_an_accuracy_all_the_same() -> None:
    one = np.array([[0.5], [0.9]])
    assert [average_accuracy(one), average_incremental_accuracy(one), learning_accuracy(one)] == [0.9] * 3
    for metric in (minimum_accuracy, worst_case_accuracy):
        with pytest.raises(Undefined, match="only one task"):
            metric(one, [])


@pytest.mark.parametrize("metric", OF_A_MATRIX)
@given(matrices())
def test_what_was_not_measured_gives_no_number(metric: Callable[[Matrix], float], R: Matrix) -> None:
    with pytest.raises(Undefined, match="not measured"):
        metric(np.full_like(R, NOTHING))


@pytest.mark.parametrize("metric", OF_A_MATRIX)
@given(matrices(), st.data())
def test_a_metric_is_that_of_the_whole_matrix_or_undefined(
    metric: Callable[[Matrix], float], R: Matrix, data: st.DataObject
) -> None:
    partly = np.where(data.draw(arrays(np.bool_, R.shape)), NOTHING, R)
    try:
        found = metric(partly)
    except Undefined:
        return
    assert found == metric(R)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("part", PROPERTY_METRICS)
@given(matrices(), st.data())
def test_so_is_what_is_said_of_a_property(part: str, better: Any, R: Matrix, data: st.DataObject) -> None:
    partly = np.where(data.draw(arrays(np.bool_, R.shape)), NOTHING, R)
    try:
        found = property_metric(part, partly, better)
    except Undefined:
        return
    assert found == property_metric(part, R, better)


def test_what_a_property_was_before_a_task_was_learned_counts_for_nothing() -> None:
    P = SURVEY.copy()
    P[np.triu_indices_from(P)] = NOTHING
    assert property_metric("forgetting", P, "higher") == pytest.approx(forgetting(SURVEY))
    P[2, 3] = 1.0
    assert property_metric("forgetting", P, "higher") == pytest.approx(forgetting(SURVEY))
    P[3, 0] = NOTHING
    with pytest.raises(NotMeasured):
        property_metric("forgetting", P, "higher")


def test_a_hole_anywhere_is_no_number() -> None:
    last = R.copy()
    last[-1, -1] = NOTHING
    for action in (
        lambda: average_accuracy(last),
        lambda: intransigence(R, last),
        lambda: intransigence(last, R),
        lambda: forgetting_ratio(last, JOINT, CHANCE),
        lambda: forgetting_ratio(R, last, CHANCE),
        lambda: worst_case_accuracy(last, LATER),
        lambda: minimum_accuracy(R, [np.array([NOTHING, 0.5]), LATER[1]]),
        lambda: gap_closed(NOTHING, 0.5, 0.9),
        lambda: gap_closed(0.5, NOTHING, 0.9),
        lambda: gap_closed(0.5, 0.5, NOTHING),
    ):
        with pytest.raises(Undefined, match="not measured"):
            action()


def test_nothing_within_tasks_is_no_worst_case() -> None:
    for metric in (minimum_accuracy, worst_case_accuracy):
        with pytest.raises(Undefined, match="--evaluate-every"):
            metric(R, [np.empty(0), np.empty(0)])


def test_joint_training_at_chance_measures_nothing() -> None:
    with pytest.raises(Undefined, match="no better than chance on some task"):
        forgetting_ratio(R, JOINT, np.array([0.5, 0.5, 0.9]))
    with pytest.raises(Undefined, match="not better than naive"):
        gap_closed(0.7, naive=0.9, joint=0.9)
    with pytest.raises(Undefined, match="not better than naive"):
        gap_closed(0.7, naive=0.9, joint=0.5)


def test_a_property_of_which_more_is_better_is_treated_as_accuracy_is() -> None:
    assert property_metric("final", R, "higher") == average_accuracy(R)
    assert property_metric("learned", R, "higher") == learning_accuracy(R)
    assert property_metric("forgetting", R, "higher") == forgetting(R)
    assert property_metric("backward_transfer", R, "higher") == backward_transfer(R)


def test_a_property_of_which_less_is_better_forgets_by_growing() -> None:
    error = 1 - R
    assert property_metric("final", error, "lower") == pytest.approx(1 - average_accuracy(R))
    assert property_metric("learned", error, "lower") == pytest.approx(1 - learning_accuracy(R))
    assert property_metric("forgetting", error, "lower") == pytest.approx(forgetting(R))
    assert property_metric("backward_transfer", error, "lower") == pytest.approx(backward_transfer(R))


def test_a_group_of_runs_has_one_mean() -> None:
    assert group_mean([0.1, 0.3]) == pytest.approx((0.1 + 0.3) / 2)
    with pytest.raises(Undefined, match="not measured"):
        group_mean([0.1, None])


def test_a_direction_belongs_to_every_name() -> None:
    properties: dict[str, Any] = {"calibration": "lower", "robustness": "higher"}
    assert metric_direction("forgetting", properties) == "lower"
    assert metric_direction("average_accuracy", properties) == "higher"
    for part in PROPERTY_METRICS:
        fixed = {"forgetting": "lower", "backward_transfer": "higher"}
        for name, better in properties.items():
            assert metric_direction(f"{name}.{part}", properties) == fixed.get(part, better)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_its_formula_and_its_source(name: str) -> None:
    summary = METRICS[name].summary
    assert getattr(metrics, name).__doc__.startswith(summary)
    assert any(sign in summary for sign in "Σ−+/")
    if name not in {"gap_closed", "relearning"}:  # our own
        assert any(f"{year})" in summary or f"{year}," in summary for year in (1885, *range(2017, 2027)))


def test_every_formula_is_listed() -> None:
    functions = {
        name
        for name, function in inspect.getmembers(metrics, inspect.isfunction)
        if function.__module__ == metrics.__name__ and not name.startswith("_")
    }
    assert functions - {"property_metric", "property_needs", "metric_direction", "group_mean"} == set(METRICS)
