"""Which tasks are evaluated when: as asked, the same numbers in any case, and no number that is not there."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import tiny_spec, trainer_for, weights

from benchmark.coverage import Coverage
from benchmark.metrics import (
    METRICS,
    PROPERTY_METRICS,
    Matrix,
    NotMeasured,
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    intransigence,
    learning_accuracy,
    property_metric,
    property_needs,
)
from benchmark.predictions import UNTESTED, read_predictions
from benchmark.record import RunRecord, read_record
from benchmark.request import RunRequest
from benchmark.run import run
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer

NOTHING = np.nan
CHOICES = ("all", "seen", "sample=1", "sample=2", "sample=9")


def coverage(evaluate: str, tasks: int, seed: int = 3) -> Coverage:
    seeds: Any = {"init": 0, "order": seed}
    return Coverage(RunSpec(scenario="", strategy="", network="", epochs=1, seeds=seeds, evaluate=evaluate), tasks)


def covered(evaluate: str, tasks: int) -> NDArray[np.bool_]:
    """Which cells of a matrix are evaluated."""
    found = coverage(evaluate, tasks)
    return found.mask([found.after(row - 1) for row in range(tasks + 1)])


def test_rows_cover_what_was_asked_for() -> None:
    everything, seen = coverage("all", 4), coverage("seen", 4)
    assert [everything.after(task) for task in range(-1, 4)] == [[0, 1, 2, 3]] * 5
    assert [seen.after(task) for task in range(-1, 4)] == [[], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    sampled = coverage("sample=3", 50)
    assert sampled.after(-1) == []
    assert [sampled.after(task) for task in range(4)] == [list(range(task + 1)) for task in range(4)]
    for task in range(4, 49):
        row = sampled.after(task)
        assert (len(row), row[-1], row) == (4, task, sorted(set(row)))
        assert row == sampled.within(task), "rows within a task cover what the row after it does"
    assert sampled.after(49) == list(range(50))
    assert len(sampled.within(49)) == 4


def test_properties_are_measured_on_the_tasks_seen_that_a_row_covers() -> None:
    assert coverage("all", 5).seen(2) == coverage("seen", 5).seen(2) == [0, 1, 2]
    sampled = coverage("sample=2", 9)
    assert sampled.seen(6) == sampled.after(6)
    assert sampled.seen(8) == list(range(9))


def test_the_draw_is_fair_and_hangs_on_seed_and_row_alone() -> None:
    assert coverage("sample=2", 30).after(20) == coverage("sample=2", 500).after(20)
    assert coverage("sample=2", 500, seed=1).after(400) != coverage("sample=2", 500, seed=2).after(400)
    drawn = Counter(task for seed in range(2000) for task in coverage("sample=3", 20, seed).after(10)[:-1])
    assert sorted(drawn) == list(range(10))
    assert all(abs(count - 600) < 100 for count in drawn.values())  # five standard deviations


def test_the_draw_is_the_same_for_ever() -> None:
    """Records are checked against it: another draw would make every record with a sample invalid."""
    assert coverage("sample=5", 1000, seed=0).after(998) == [386, 428, 580, 853, 920, 998]


@pytest.mark.parametrize(
    "metric",
    [
        average_accuracy,
        average_incremental_accuracy,
        learning_accuracy,
        backward_transfer,
        forward_transfer,
        forgetting,
    ],
)
def test_each_metric_says_which_tasks_it_needs_evaluated(metric: Callable[[Matrix], float]) -> None:
    whole = np.random.default_rng(0).random((9, 8))
    grades = {"sample": "sample=2", "seen": "seen", "all": "all"}
    needed = list(grades).index(METRICS[metric.__name__].evaluate)
    for place, evaluate in enumerate(grades.values()):
        R = np.where(covered(evaluate, 8), whole, NOTHING)
        if place >= needed:
            assert metric(R) == metric(whole)
        else:
            with pytest.raises(NotMeasured):
                metric(R)


@pytest.mark.parametrize("part", PROPERTY_METRICS)
def test_so_it_is_said_of_the_metrics_of_properties(part: str) -> None:
    whole = np.random.default_rng(0).random((9, 8))
    whole[np.triu_indices_from(whole)] = NOTHING  # not learned yet
    for evaluate in ("sample=2", "seen"):
        P = np.where(covered(evaluate, 8), whole, NOTHING)
        if evaluate == "seen" or property_needs(part) == "sample":
            assert property_metric(part, P, "higher") == property_metric(part, whole, "higher")
        else:
            with pytest.raises(NotMeasured):
                property_metric(part, P, "higher")


def test_metrics_of_a_sample_by_hand() -> None:
    """Four tasks; each row has the task just learned and one earlier, the last row all."""
    R = np.full((5, 4), NOTHING)
    R[1, 0], R[2, :2], R[3, 1:3], R[4] = 0.9, (0.8, 0.7), (0.5, 0.6), (0.4, 0.3, 0.2, 0.8)
    assert average_accuracy(R) == pytest.approx((0.4 + 0.3 + 0.2 + 0.8) / 4)
    assert learning_accuracy(R) == pytest.approx((0.9 + 0.7 + 0.6 + 0.8) / 4)
    assert backward_transfer(R) == pytest.approx(((0.4 - 0.9) + (0.3 - 0.7) + (0.2 - 0.6)) / 3)
    assert intransigence(R, R + 0.1) == pytest.approx(0.1)
    for metric, says in (
        (forgetting, "a task in an earlier row was not measured"),
        (forward_transfer, "an accuracy before the task was not measured"),
        (average_incremental_accuracy, "a task in the row after task 3 was not measured"),
    ):
        with pytest.raises(NotMeasured, match=says):
            metric(R)


@pytest.fixture(scope="module")
def runs() -> dict[str, Trainer]:
    """One run, evaluated in every way."""
    torch.set_num_threads(1)
    made = {}
    for evaluate in CHOICES:
        fields = {"iterations": 8, "network": "mlp:24x16,dropout=0.2", "evaluate_every": 4, "evaluate": evaluate}
        made[evaluate] = trainer_for(tiny_spec("permuted-digits:task,tasks=6", "ewc", samples=20, **fields))
        made[evaluate].run()
    return made


@pytest.mark.parametrize("evaluate", CHOICES)
def test_what_is_evaluated_changes_no_number(evaluate: str, runs: dict[str, Trainer]) -> None:
    whole, mine = runs["all"], runs[evaluate]
    assert torch.equal(weights(mine), weights(whole))
    for asked, rows, others in (
        (mine.replica.coverage.after, mine.outcome.rows, whole.outcome.rows),
        (lambda place: mine.replica.coverage.within(place // 2), mine.outcome.anytime, whole.outcome.anytime),
    ):
        first = -1 if rows is mine.outcome.rows else 0
        for place, (row, other) in enumerate(zip(rows, others, strict=True), first):
            tasks = asked(place)
            assert list(row.accuracy) == [other.accuracy[task] if task in tasks else None for task in range(6)]
    sizes = [len(examples) for examples in whole.scenario.test]
    for row, other in zip(mine.outcome.rows, whole.outcome.rows, strict=True):
        tested = np.repeat(np.isin(np.arange(6), row.tasks), sizes)
        assert row.predicted.tobytes() == other.predicted[tested].tobytes()
        assert row.confidence.tobytes() == other.confidence[tested].tobytes()


@pytest.mark.parametrize("evaluate", CHOICES)
def test_a_run_is_recorded_with_what_was_evaluated(evaluate: str, tmp_path: Path) -> None:
    spec = tiny_spec("permuted-digits:domain,tasks=5", "naive", evaluate=evaluate, properties=("calibration",))
    record = run(RunRequest(spec, tmp_path))
    assert read_record(tmp_path) == record
    mask = covered_by(record)
    assert np.array_equal(~np.isnan(record.matrix), mask)
    learned = np.tril(np.ones_like(mask), -1)
    assert np.array_equal(~np.isnan(record.property_matrix("calibration")), mask & learned)
    kept = read_predictions(tmp_path)
    assert len(kept.rows) == 6
    for row, answers in enumerate(kept.rows):
        for task in range(5):
            mine = kept.task == task
            assert ((answers.predicted[mine] == UNTESTED) != mask[row, task]).all()
            if mask[row, task]:
                assert (answers.predicted[mine] == kept.label[mine]).mean() == pytest.approx(record.matrix[row, task])
    asked = evaluate.partition("=")[0] if evaluate != "sample=9" else "seen"  # nine or all that were seen
    assert ("forgetting" in record.undefined) == (asked != "all")
    assert ("calibration.forgetting" in record.undefined) == (asked == "sample")
    if evaluate == "sample=1":
        assert record.undefined["forward_transfer"].endswith("was not measured: ask for --evaluate all")
        assert record.undefined["average_incremental_accuracy"].endswith("ask for --evaluate seen")
        assert record.undefined["calibration.forgetting"].endswith("ask for --evaluate seen")


def covered_by(record: RunRecord) -> NDArray[np.bool_]:
    found = Coverage(record.spec, len(record.tasks))
    return found.mask([found.after(row - 1) for row in range(len(record.accuracy))])


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The fields of a record with a sample, as JSON has them."""
    spec = tiny_spec("permuted-digits:domain,tasks=5", "naive", evaluate="sample=1", iterations=3, evaluate_every=2)
    return run(RunRequest(spec, tmp_path_factory.mktemp("sampled"))).model_dump(mode="json", by_alias=True)


@given(st.data())
def test_a_null_or_a_value_in_the_wrong_place_is_noticed(sampled: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["accuracy", "anytime"]))
    rows = [list(row if name == "accuracy" else row["accuracy"]) for row in sampled[name]]
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 4))
    missing = rows[row][column] is None
    rows[row][column] = 0.0 if missing else None
    changed = rows if name == "accuracy" else [
        {**old, "accuracy": new} for old, new in zip(sampled[name], rows, strict=True)
    ]  # fmt: skip
    says = f"{name}.{row}.{column} is {'0.0' if missing else 'null'}, but evaluate=sample=1 "
    with pytest.raises(ValueError, match=says + ("does not ask" if missing else "asks")):
        RunRecord.model_validate({**sampled, name: changed})
    RunRecord.model_validate(sampled)


def test_a_sample_chosen_by_hand_is_noticed(sampled: dict[str, Any]) -> None:
    """Another seed draws other tasks: nobody can pick those that look best."""
    spec = {**sampled["spec"], "seeds": {"init": 0, "order": 1, "classes": None}}
    with pytest.raises(ValueError, match="but evaluate=sample=1"):
        RunRecord.model_validate({**sampled, "spec": spec})
