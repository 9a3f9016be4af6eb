"""Churn over seeds, on cases small enough to count."""

import statistics

import numpy as np
import pytest

from benchmark.predictions import Answers, Predictions
from benchmark.properties.sensitivity import Sensitivity

LABELS = [0, 0, 1, 1, 2, 2, 3, 3]
TASKS = [0, 0, 0, 0, 1, 1, 1, 1]


def run(final: list[int], labels: list[int] = LABELS) -> Predictions:
    """A run that answered zero everywhere until its last row."""
    confidence = np.ones(len(final), dtype=np.float16)
    rows = [Answers(np.array(answers, dtype=np.int16), confidence) for answers in ([0] * len(final), final)]
    return Predictions(np.array(labels, np.int16), np.array(TASKS, np.int16), rows)


def test_a_case_counted_by_hand() -> None:
    runs = [
        run([0, 0, 1, 1, 2, 2, 3, 3]),
        run([0, 0, 1, 0, 2, 2, 2, 2]),
        run([0, 1, 1, 1, 2, 2, 3, 3]),
    ]
    first, second = Sensitivity().compare(runs)
    assert first.value == pytest.approx((1 / 4 + 1 / 4 + 2 / 4) / 3)
    assert first.beside["spread"] == pytest.approx(statistics.stdev([1, 0.75, 0.75]))
    assert first.beside["normalised"] == pytest.approx(1)
    assert second.value == pytest.approx((2 / 4 + 0 + 2 / 4) / 3)
    assert second.beside["spread"] == pytest.approx(statistics.stdev([1, 0.5, 1]))


def test_wrong_in_the_same_way_is_no_churn() -> None:
    runs = [run([1, 0, 1, 1, 2, 2, 3, 3])] * 3
    first, second = Sensitivity().compare(runs)
    assert first.value == second.value == 0
    assert first.beside == {"spread": 0.0, "normalised": 0.0}
    assert second.beside["normalised"] is None


def test_churn_lies_between_the_difference_and_the_sum_of_errors() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        a, b = (run(random.integers(0, 4, len(LABELS)).tolist()) for _ in range(2))
        for task, found in enumerate(Sensitivity().compare([a, b])):
            members = a.task == task
            first, second = (float((r.rows[-1].predicted == r.label)[members].mean()) for r in (a, b))
            assert abs(first - second) - 1e-12 <= found.value <= 2 - first - second + 1e-12
            assert found.beside["normalised"] is None or 0 <= found.beside["normalised"] <= 1 + 1e-12


def test_runs_tested_on_other_examples_are_not_compared() -> None:
    found = Sensitivity().compare([run(LABELS), run(LABELS, labels=LABELS[::-1])])
    assert [cell.value for cell in found] == [None, None]
    assert all("not tested on the same examples" in str(cell.reason) for cell in found)
