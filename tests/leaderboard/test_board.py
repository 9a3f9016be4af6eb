"""From records to tables."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaderboard_records import accuracies, flat, measured, run

from benchmark.metrics import METRICS
from benchmark.record import AnytimeRow, PropertyValues, RunRecord
from leaderboard.board import Row, Table, document, tables
from leaderboard.statistics import Estimate
from scenarios.errors import RequestError

COMPARING = {"intransigence", "forgetting_ratio", "gap_closed"}


def only(records: list[RunRecord], metric: str = "average_accuracy") -> Table:
    (table,) = tables(records, metric)
    return table


def by_strategy(table: Table) -> dict[str, Row]:
    return {row.strategy: row for row in table.rows}


def test_no_records_no_tables() -> None:
    assert tables([]) == []


def test_an_entry_is_a_mean_over_its_seeds() -> None:
    (row,) = only([run(seed=seed, accuracy=flat(final)) for seed, final in enumerate([0.7, 0.8, 0.9])]).rows
    found = row.metrics["average_accuracy"]
    assert found.mean == pytest.approx(0.8)
    assert found.high == pytest.approx(0.8 + 4.302653 * 0.1 / 3**0.5, abs=1e-7)
    assert (row.n, row.diverged, [seeds.init for seeds in row.seeds]) == (3, 0, [0, 1, 2])
    assert row.chance == 0.5
    assert set(row.metrics) | set(row.undefined) == set(METRICS)


def test_entries_of_different_protocols_are_never_in_one_table() -> None:
    records = [
        run(),
        run(epochs=4),
        run(batch_size=64),
        run(scenario="split-digits:class"),
        run("ewc"),
    ]
    found = tables(records)
    assert [len(table.rows) for table in found].count(2) == 1
    assert len(found) == 4
    for table in found:
        assert {(table.epochs, table.batch_size, table.scenario)} == {
            (record.spec.epochs, record.spec.batch_size, record.spec.scenario)
            for record in records
            if record.protocol == table.protocol
        }


def test_other_hyperparameters_settings_or_source_are_other_entries() -> None:
    records = [
        run("ewc", hyperparameters={"strength": 1.0, "online": False}),
        run("ewc", hyperparameters={"strength": 10.0, "online": False}),
        run("ewc", hyperparameters={"strength": 10.0, "online": False}, network="cnn"),
        run("ewc", hyperparameters={"strength": 10.0, "online": False}, network="cnn", source="b" * 64),
        run("naive"),
    ]
    found = only(records)
    assert sorted(str(row.differing) for row in found.rows) == sorted(
        [
            "{'strength': 1.0, 'network': 'mlp:100', 'source': 'aaaaaa'}",
            "{'strength': 10.0, 'network': 'mlp:100', 'source': 'aaaaaa'}",
            "{'strength': 10.0, 'network': 'cnn', 'source': 'aaaaaa'}",
            "{'strength': 10.0, 'network': 'cnn', 'source': 'bbbbbb'}",
            "{'network': 'mlp:100'}",
        ]
    )


def test_ranking_and_ties() -> None:
    found = only(
        [
            run("a", accuracy=flat(0.8)),
            run("b", accuracy=flat(0.9)),
            run("c", accuracy=flat(0.8)),
            run("d", accuracy=flat(0.7)),
        ]
    )
    assert [(row.rank, row.strategy) for row in found.rows] == [(1, "b"), (2, "a"), (2, "c"), (4, "d")]


def test_less_forgetting_ranks_higher() -> None:
    found = only([run("a", accuracy=flat(0.5, 0.9)), run("b", accuracy=flat(0.4, 0.5))], "forgetting")
    assert found.better == "lower"
    assert [row.strategy for row in found.rows] == ["b", "a"]


def test_diverged_runs_are_counted_and_their_entry_ranks_last() -> None:
    found = only(
        [
            run("good", seed=0, accuracy=flat(0.9)),
            run("good", seed=1, status="diverged"),
            run("gone", seed=0, status="diverged"),
            run("poor", seed=0, accuracy=flat(0.1)),
        ]
    )
    assert [(row.rank, row.strategy, row.n, row.diverged) for row in found.rows] == [
        (1, "poor", 1, 0),
        (2, "good", 1, 1),
        (3, "gone", 0, 1),
    ]
    assert found.rows[1].metrics["average_accuracy"] == Estimate(0.9, None, None, 1)
    assert found.rows[2].metrics == {}
    assert found.rows[2].undefined["average_accuracy"] == "every run diverged"


def test_failed_runs_are_no_results() -> None:
    assert tables([run(status="failed")]) == []


def test_the_first_post_counts() -> None:
    first, better, other = run(accuracy=flat(0.5)), run(accuracy=flat(0.9)), run(seed=1, accuracy=flat(0.7))
    (row,) = only([first, other, better]).rows
    assert row.metrics["average_accuracy"].mean == pytest.approx(0.6)
    assert row.n == 2
    assert row.notes == ("2 posts of seed 0 disagree; the first counts",)


def test_posts_of_one_run_agree_where_both_were_evaluated() -> None:
    whole = accuracies(seed=5, tasks=4)
    seen = [[value if task < row else None for task, value in enumerate(values)] for row, values in enumerate(whole)]
    (row,) = only([run(accuracy=seen, evaluate="seen"), run(accuracy=whole)]).rows
    assert row.notes == ()
    assert row.n == 1
    assert row.metrics["forgetting"].mean == pytest.approx(run(accuracy=whole).metrics["forgetting"])
    other = [[*values[:-1], 1 - values[-1]] for values in whole]
    (row,) = only([run(accuracy=seen, evaluate="seen"), run(accuracy=other)]).rows
    assert row.notes == ("2 posts of seed 0 disagree; the first counts",)


def test_a_diverged_run_cannot_be_mended_nor_a_completed_one_lost() -> None:
    (row,) = only([run(status="diverged"), run()]).rows
    assert (row.diverged, row.metrics) == (1, {})
    (row,) = only([run(), run(status="diverged")]).rows
    assert (row.diverged, row.n) == (0, 1)
    assert row.notes == ("2 posts of seed 0 disagree; the first counts",)


def test_a_later_post_adds_what_was_not_measured() -> None:
    rows = flat(0.5)
    anytime = [AnytimeRow(task=2, step=1, accuracy=(0.2, 0.2))]
    robustness = measured([None, None], [0.4, None], [0.3, 0.6])
    later = measured([None, None], [0.9, None], [0.9, 0.9])
    records = [
        run(accuracy=rows),
        run(accuracy=rows, properties={"robustness": robustness}),
        run(accuracy=rows, properties={"robustness": later}, anytime=anytime),
    ]
    (row,) = only(records, "robustness.final").rows
    assert row.metrics["robustness.final"].mean == pytest.approx(0.45)
    assert row.metrics["minimum_accuracy"].mean == pytest.approx(0.2)
    assert row.notes == ()


def test_ranking_by_properties() -> None:
    sharp = measured([None, None], [1.0, None], [2.0, 3.0], better="lower", unit="nats")
    flatter = measured([None, None], [1.5, None], [1.2, 1.5], better="lower", unit="nats")
    records = [
        run("a", properties={"sharpness": sharp}),
        run("b", properties={"sharpness": flatter}),
        run("c"),
    ]
    for metric, better in [
        ("sharpness.final", "lower"),
        ("sharpness.learned", "lower"),
        ("sharpness.forgetting", "lower"),
        ("sharpness.backward_transfer", "higher"),
    ]:
        found = only(records, metric)
        assert found.better == better
        assert [row.strategy for row in found.rows] == ["b", "a", "c"]
        assert found.units[metric] == "nats"
    assert by_strategy(found)["c"].undefined[metric] == "it was not measured"
    assert by_strategy(found)["a"].metrics["sharpness.forgetting"].mean == pytest.approx(1.0)


def test_a_metric_that_only_another_protocol_has_still_ranks() -> None:
    records = [run(properties={"robustness": measured([None, None], [1, None], [1, 1])}), run(epochs=4)]
    assert len(tables(records, "robustness.final")) == 2


def test_properties_of_a_group_have_no_interval() -> None:
    churn = PropertyValues(unit="share", better="lower", over="group", values=[0.1, 0.3], seeds=[0, 1, 2])
    (row,) = only([run(seed=seed, properties={"churn": churn}) for seed in range(3)], "churn.final").rows
    assert row.metrics["churn.final"] == Estimate(pytest.approx(0.2), None, None, 3)


def test_why_a_metric_is_undefined() -> None:
    (row,) = only([run()], "minimum_accuracy").rows
    assert "minimum_accuracy" not in row.metrics
    assert "--evaluate-every" in row.undefined["minimum_accuracy"]


@pytest.mark.parametrize("metric", ["average_acuracy", "robustness.finale", "robustness", "average_accuracy.final", ""])
def test_unknown_metrics(metric: str) -> None:
    records = [run(properties={"robustness": measured([None, None], [1, None], [1, 1])})]
    with pytest.raises(RequestError, match=r"there is no metric .*known: average_accuracy.*robustness\.final"):
        tables(records, metric)


def test_who_ends_above_joint_training_is_noted() -> None:
    shares = {"naive": 0.2, "joint": 0.7, "a": 0.6, "b": 0.75}
    notes = {
        row.strategy: row.notes for row in only([run(name, accuracy=flat(it)) for name, it in shares.items()]).rows
    }
    (note,) = notes.pop("b")
    assert "no upper bound" in note
    assert set(notes.values()) == {()}


def test_different_data_are_noted() -> None:
    assert only([run("a"), run("b")]).notes == ()
    (note,) = only([run("a"), run("b", data="e" * 64)]).notes
    assert note == "records with the same order of classes were made on different data: dddddd, eeeeee"


def test_leaks_are_noted() -> None:
    def leaked(*counts: int | None) -> RunRecord:
        made = run("b")
        tasks = [task.model_copy(update={"leaked": count}) for task, count in zip(made.tasks, counts, strict=True)]
        return made.model_copy(update={"tasks": tuple(tasks)})

    assert only([run("a"), leaked(0, 0)]).notes == ()
    (note,) = only([run("a"), leaked(1, 2)]).notes
    assert note.startswith("3 of 200 test examples are, to the byte, among the training examples")


def test_document() -> None:
    found = document(tables([run("a", accuracy=flat(0.8)), run("b", seed=3, status="diverged")]))
    (table,) = found["protocols"]
    assert (table["scenario"], table["epochs"], table["metric"]) == (
        "split-digits:task",
        3,
        "average_accuracy",
    )
    first, second = table["entries"]
    assert (first["rank"], first["strategy"], first["hyperparameters"]) == (1, "a", {})
    assert first["settings"]["network"] == "mlp:100"
    assert first["metrics"]["average_accuracy"] == {"mean": 0.8, "low": None, "high": None, "n": 1}
    assert (second["diverged"], second["seeds"]) == (1, [{"init": 3, "order": 3, "classes": None}])
    assert second["undefined"]["average_accuracy"] == "every run diverged"


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["naive", "joint", "ewc", "hat"]),
        st.integers(0, 3),
        st.integers(0, 10**6),
        st.sampled_from(["completed", "completed", "diverged"]),
    ),
    min_size=1,
    max_size=10,
)
Draw = tuple[str, int, int, str]


def made(draw: Draw) -> RunRecord:
    strategy, seed, content, status = draw
    return run(strategy, seed, accuracies(content), status=status)


def figures(records: list[RunRecord]) -> dict[str, Any]:
    return {row.entry: (row.metrics, row.undefined, row.diverged, row.notes) for row in only(records).rows}


@settings(max_examples=50, deadline=None)
@given(ENTRIES, st.randoms())
def test_order_of_posting_of_different_entries_does_not_matter(draws: list[Draw], random: Any) -> None:
    records = [made(draw) for draw in draws]
    places = {record.entry: random.random() for record in records}
    shuffled = sorted(records, key=lambda record: places[record.entry])  # stable: within an entry nothing moves
    assert figures(shuffled) == figures(records)
    assert [row.rank for row in only(shuffled).rows] == [row.rank for row in only(records).rows]


@settings(max_examples=50, deadline=None)
@given(ENTRIES)
def test_another_entry_changes_no_absolute_figure(draws: list[Draw]) -> None:
    records = [made(draw) for draw in draws]
    before, after = only(records), only([*records, run("newcomer"), run("joint", seed=9)])
    rows = {row.entry: row for row in after.rows}
    for row in before.rows:
        if row.strategy != "joint":
            other = rows[row.entry].metrics
            assert {name: value for name, value in row.metrics.items() if name not in COMPARING} == {
                name: value for name, value in other.items() if name not in COMPARING
            }


@settings(max_examples=50, deadline=None)
@given(ENTRIES)
def test_posting_again_never_improves_a_number(draws: list[Draw]) -> None:
    records = [made(draw) for draw in draws]
    again = [made((strategy, seed, content + 1, "completed")) for strategy, seed, content, _ in draws]
    assert {entry: found[0] for entry, found in figures([*records, *again]).items()} == {
        entry: found[0] for entry, found in figures(records).items()
    }
