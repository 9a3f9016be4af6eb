"""Reference, margin, difference and verdict, by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny_spec

from fidelity.records import Book, Kept
from fidelity.standing import Standing, counts, standing, told
from fidelity.targets import Reference, Row


@pytest.mark.parametrize(
    ("reference", "margin"),
    [
        (Reference(90.0), 2.0),  # no spread: two points
        (Reference(90.0, 0.3, 10), 2.0),  # two deviations are 0.6
        (Reference(90.0, 1.0, 3), 2.0),
        (Reference(90.0, 1.5, 3), 3.0),
        (Reference(85.88, 10.20, 3), 20.4),
    ],
)
def test_the_margin_is_two_deviations_but_at_least_two_points(reference: Reference, margin: float) -> None:
    assert reference.margin == pytest.approx(margin)


@pytest.mark.parametrize(
    ("values", "mean", "sd", "difference", "state"),
    [
        # mean 92, deviations −1, 0, 1: variance 2/2 = 1
        ([91.0, 92.0, 93.0], 92.0, 1.0, 2.0, "within"),  # at the margin
        ([91.0, 92.0, 93.3], 92.1, 1.153256, 2.1, "out"),
        ([87.9], 87.9, None, -2.1, "out"),
        ([89.0, 89.0], 89.0, 0.0, -1.0, "within"),
    ],
)
def test_a_row_holds_where_the_means_differ_by_the_margin_or_less(
    row: Row, values: list[float], mean: float, sd: float | None, difference: float, state: str
) -> None:
    found = Standing(row, values)
    assert found.mean == pytest.approx(mean)
    assert found.sd == (None if sd is None else pytest.approx(sd, abs=1e-6))
    assert found.difference == pytest.approx(difference)
    assert found.state == state


def test_what_a_row_finds_is_computed_from_what_is_kept(row: Row, book: Book) -> None:
    assert standing(row, book).state == "no record"
    # Accuracy after the last task: (0.5 + 0.9) / 2 = 70 % and (0.6 + 1.0) / 2 = 80 %.
    book.keep(row, [kept(row, 0, [0.5, 0.9])])
    assert standing(row, book).state == "no record"  # one seed of two
    book.keep(row, [kept(row, 1, [0.6, 1.0])])
    found = standing(row, book)
    assert found.values == pytest.approx([70.0, 80.0])
    assert found.mean == pytest.approx(75.0)
    assert found.difference == pytest.approx(-15.0)
    assert found.state == "out"


def test_another_measure_is_that_of_the_property(row: Row, book: Book) -> None:
    told_tasks = replace(row, measure="within-task.final")
    cells = [[None, None], [0.9, None], [0.8, 0.96]]
    runs = [kept(row, seed, [0.5, 0.9]).model_copy(update={"properties": {"within-task": cells}}) for seed in (0, 1)]
    book.keep(row, runs)
    assert standing(told_tasks, book).mean == pytest.approx(88.0)
    book.keep(row, [kept(row, seed, [0.5, 0.9]) for seed in (0, 1)])
    assert standing(told_tasks, book).state == "undefined: within-task was not measured"


def test_a_run_that_diverged_is_a_result_and_the_row_does_not_hold(row: Row, book: Book) -> None:
    book.keep(row, [kept(row, 0, [0.9, 0.9]), kept(row, 1, [0.9, 0.9], status="diverged")])
    found = standing(row, book)
    assert (found.state, found.broken) == ("out", "1 of 2 runs diverged")
    assert found.mean is None


def test_a_protocol_that_cannot_be_followed_is_never_compared(row: Row, book: Book) -> None:
    book.keep(row, [kept(row, seed, [0.9, 0.9]) for seed in (0, 1)])
    assert standing(replace(row, impossible="no such network"), book).state == "not expressible"


def test_a_new_run_replaces_that_of_its_seed_and_another_specification_all(row: Row, book: Book) -> None:
    book.keep(row, [kept(row, seed, [0.5, 0.9]) for seed in (0, 1)])
    book.keep(row, [kept(row, 0, [0.7, 0.7])])
    assert [run.accuracy[-1] for run in book.runs(row)] == [[0.7, 0.7], [0.5, 0.9]]
    book.keep(row, [kept(row, 1, [0.1, 0.1], lr=0.5)])
    assert [run.spec.seeds.init for run in book.runs(row)] == [1]


def test_figures_are_told_with_spread_and_number() -> None:
    assert told(76.28, 0.884, 2) == "76.28 ± 0.88 (2)"
    assert told(19.95, None, 1) == "19.95 (1)"
    assert told(44.79, None, None) == "44.79"
    assert told(None, None, None) == "–"


def test_rows_are_counted_by_their_state(row: Row) -> None:
    all_three = [Standing(row, [90.0]), Standing(row, [95.0]), Standing(row, reason="no data here")]
    assert counts([*all_three, all_three[0]]) == "4 rows: 2 within, 1 out, 1 no data here"


def kept(row: Row, seed: int, final: list[float], *, status: str = "completed", lr: float = 0.02) -> Kept:
    """A run of two tasks that ended with these accuracies."""
    spec = tiny_spec(row.scenario, row.strategy, seed, lr=lr)
    accuracy = [[0.1, 0.1], [0.9, 0.1], final]
    return Kept(spec=spec, status=status, scenario="0", strategy="0", accuracy=accuracy, seconds=1.0)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)
