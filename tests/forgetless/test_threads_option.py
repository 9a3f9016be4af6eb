"""`--threads`: what is asked for reaches the specification, and `auto` looks at network and batches."""

import pytest
from support import tiny_spec

from benchmark import threads
from benchmark.spec import RunSpec
from forgetless.threads import with_threads


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)


def chosen(asked: str, jobs: int = 1, **fields: object) -> int:
    (spec,) = with_threads([tiny_spec("split-digits:task", "naive", **fields)], asked, jobs, None)
    return spec.threads


def test_a_number_is_taken_as_it_is() -> None:
    assert chosen("3") == 3
    assert chosen("3", jobs=8) == 3


def test_auto_gives_two_to_a_large_step_alone() -> None:
    assert chosen("auto", network="mlp:24") == 1
    assert chosen("auto", network="mlp:1000x1000", batch_size=128) == 2
    assert chosen("auto", network="mlp:1000x1000", batch_size=2) == 1


def test_auto_divides_the_cores_among_jobs() -> None:
    assert chosen("auto", jobs=4, network="mlp:1000x1000", batch_size=128) == 2
    assert chosen("auto", jobs=5, network="mlp:1000x1000", batch_size=128) == 1


def test_nothing_else_in_the_specification_changes() -> None:
    spec = tiny_spec("split-digits:task", "ewc", strength=3.0, network="mlp:1000x1000", batch_size=128)
    (changed,) = with_threads([spec], "auto", 1, None)
    assert changed == RunSpec(**spec.model_dump() | {"threads": 2})
    assert changed.settings == spec.settings, "the entry of a leaderboard is the same, whatever the threads"
