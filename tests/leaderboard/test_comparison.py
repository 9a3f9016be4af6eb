"""Metrics that compare an entry with naive and joint training of its protocol."""

import pytest
from leaderboard_records import flat, run

from benchmark.record import RunRecord
from leaderboard.board import Row, tables
from leaderboard.statistics import Estimate


def rows(*records: RunRecord) -> dict[str, Row]:
    (table,) = tables(records)
    return {f"{row.strategy} {row.settings['network']}": row for row in table.rows}


def test_gap_closed_is_of_means_over_runs_with_the_same_seeds() -> None:
    found = rows(
        *(run("naive", seed, flat(final)) for seed, final in enumerate([0.5, 0.7])),
        *(run("joint", seed, flat(0.9)) for seed in range(2)),
        run("ewc", 0, flat(0.75)),
    )
    assert found["ewc mlp:100"].metrics["gap_closed"] == Estimate(pytest.approx(0.25 / 0.4), None, None, 1)
    assert found["naive mlp:100"].metrics["gap_closed"].mean == 0
    assert found["joint mlp:100"].metrics["gap_closed"].mean == 1


def test_joint_metrics_pair_by_seed() -> None:
    found = rows(
        run("joint", 0, flat(0.9)),
        run("joint", 1, flat(0.8)),
        run("ewc", 0, flat(0.7)),
        run("ewc", 1, flat(0.8)),
        run("ewc", 2, flat(0.1)),  # no joint run has its seed
    )["ewc mlp:100"].metrics
    # learned 0.7 and 0.7 beside 0.9; the last task of seed 1 beside 0.8 alike
    assert found["intransigence"].mean == pytest.approx((0.2 + 0.0) / 2)
    assert found["intransigence"].n == 2
    # (0.7 − 0.5) / (0.9 − 0.5) − 1 = −0.5, and 0
    assert found["forgetting_ratio"].mean == pytest.approx(-0.25)
    assert found["average_accuracy"].n == 3


def test_joint_beside_itself() -> None:
    found = rows(run("joint", 0, flat(0.9)), run("joint", 1, flat(0.8)))["joint mlp:100"].metrics
    assert found["intransigence"] == Estimate(0, 0, 0, 2)
    assert found["forgetting_ratio"] == Estimate(0, 0, 0, 2)


def test_references_have_the_same_settings() -> None:
    found = rows(
        run("naive", 0, flat(0.5)),
        run("joint", 0, flat(0.9)),
        run("naive", 0, flat(0.6), network="cnn"),
        run("joint", 0, flat(0.8), network="cnn"),
        run("ewc", 0, flat(0.7)),
        run("ewc", 0, flat(0.7), network="cnn", hyperparameters={"strength": 2.0}),
        run("ewc", 0, flat(0.7), network="resnet18"),
    )
    assert found["ewc mlp:100"].metrics["intransigence"].mean == pytest.approx(0.2)
    assert found["ewc mlp:100"].metrics["gap_closed"].mean == pytest.approx(0.5)
    assert found["ewc cnn"].metrics["intransigence"].mean == pytest.approx(0.1)
    assert found["ewc cnn"].metrics["gap_closed"].mean == pytest.approx(0.5)
    reason = "in this protocol has the same network and optimiser settings"
    assert found["ewc resnet18"].undefined["intransigence"] == f"no entry of joint {reason}"
    assert found["ewc resnet18"].undefined["gap_closed"] == f"no entry of naive {reason}"


def _undefined(*others: RunRecord, name: str = "intransigence") -> str:
    return rows(run("ewc", 0, flat(0.7)), *others)["ewc mlp:100"].undefined[name]


def test_why_a_comparison_is_undefined() -> None:
    joint = run("joint", 0, flat(0.9))
    assert _undefined() == "there is no entry of joint in this protocol"
    assert _undefined(run("joint", 0, flat(0.9), epochs=3, lr=0.1)) == (
        "no entry of joint in this protocol has the same network and optimiser settings"
    )
    assert _undefined(run("joint", 1, flat(0.9))) == "joint was not run with seed 0"
    assert _undefined(run("joint", 0, status="diverged")) == "joint diverged with seed 0"
    assert _undefined(run("joint", 0, [[0.5] * 3] * 4)) == "joint had other tasks with seed 0"
    assert _undefined(joint, run("joint", 0, flat(0.8), source="b" * 64)) == (
        "2 entries of joint in this protocol have the same settings"
    )
    assert _undefined(run("joint", 0, flat(0.5)), name="forgetting_ratio") == (
        "joint training is no better than chance on some task"
    )
    gap = [joint, run("naive", 0, status="diverged")]
    assert _undefined(*gap, name="gap_closed") == "naive diverged with seed 0"
    assert _undefined(joint, run("naive", 0, flat(0.9)), name="gap_closed") == (
        "joint training is not better than naive"
    )


def test_references_of_another_protocol_do_not_count() -> None:
    found = tables([run("ewc", 0, flat(0.7)), run("joint", 0, flat(0.9), epochs=4)])
    assert all("intransigence" not in row.metrics for table in found for row in table.rows if row.strategy == "ewc")
