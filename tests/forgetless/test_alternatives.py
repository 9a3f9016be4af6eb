"""`--set name=value,value`: each alternative is an entry of its own, and several lists are all their combinations."""

import itertools
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.record import read_record
from forgetless.plan import Plan
from forgetless.words import parse_settings

QUICK = ("--iterations", "2", "--network", "mlp:8", "--json")


def test_each_value_is_an_entry_in_order(forgetless: Any, tmp_path: Path) -> None:
    asked = ("naive", "ewc", "--set", "strength=10,1,100", "--seeds", "2,0")
    result = forgetless("run", "split-digits:task", *asked, *QUICK)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    specs = [read_record(tmp_path / path).spec for path in document["records"]]
    assert [(spec.strategy, spec.hyperparameters.get("strength"), spec.seeds.init) for spec in specs] == [
        ("naive", None, 2),
        ("naive", None, 0),
        *(("ewc", strength, seed) for strength in (10, 1, 100) for seed in (2, 0)),
    ]
    assert len(document["entries"]) == 4


def test_runs_are_told_apart_by_what_differs(forgetless: Any) -> None:
    asked = ("ewc", "rehearsal", "--set", "strength=1,2.5", "--set", "memory=20", "--seeds", "1")
    result = forgetless("run", "split-digits:task", *asked, *QUICK[:-1])
    told = [line.split(" completed")[0] for line in result.err.splitlines() if " completed" in line]
    assert told == ["ewc strength=1 seed 0", "ewc strength=2.5 seed 0", "rehearsal seed 0"]


numbers = st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True)


@settings(max_examples=40, deadline=None)
@given(memory=numbers, batch=numbers, strength=numbers, seeds=st.integers(1, 3))
def test_lists_make_their_product(memory: list[int], batch: list[int], strength: list[int], seeds: int) -> None:
    given = {"rehearsal.memory": memory, "memory_batch": batch, "strength": strength}
    words = [f"{name}={','.join(map(str, values))}" for name, values in given.items()]
    plan = Plan("split-digits:task", ["rehearsal", "naive", "ewc"], str(seeds), settings=parse_settings(words))
    told = [
        (spec.strategy, *(spec.hyperparameters.get(name) for name in ("memory", "memory_batch", "strength")), seed)
        for spec in plan.specs()
        for seed in [spec.seeds.init]
    ]
    entries: list[tuple[Any, ...]] = sorted(
        [("rehearsal", first, second, None) for first, second in itertools.product(memory, batch)]
        + [("naive", None, None, None)]
        + [("ewc", None, None, each) for each in strength],
        key=repr,
    )
    assert sorted({entry[:-1] for entry in told}, key=repr) == entries
    assert len(told) == len(entries) * seeds
    assert [entry[-1] for entry in told] == list(range(seeds)) * len(entries)
    assert [strategy for strategy, _ in itertools.groupby(entry[0] for entry in told)] == ["rehearsal", "naive", "ewc"]


def test_what_is_said_of_one_strategy_goes_before_what_is_said_of_all() -> None:
    for words in (["strength=1,2", "ewc.strength=3"], ["ewc.strength=3", "strength=1,2"]):
        specs = Plan("split-digits:task", ["ewc"], settings=parse_settings(words)).specs()
        assert [spec.hyperparameters["strength"] for spec in specs] == [3]
