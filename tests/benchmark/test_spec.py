"""Specifications: what makes runs comparable, and what is refused before anything starts."""

from typing import Any

import pytest

from benchmark.spec import RunSpec, Seeds, digest
from scenarios.errors import RequestError

FIELDS: dict[str, Any] = {
    "scenario": "split-digits:task",
    "strategy": "ewc",
    "hyperparameters": {"strength": 100.0},
    "network": "mlp:100",
    "epochs": 2,
    "seeds": {"init": 0, "order": 0},
}


def spec(**changes: Any) -> RunSpec:
    return RunSpec.checked(**{**FIELDS, **changes})


def refused(**changes: Any) -> str:
    with pytest.raises(RequestError) as caught:
        spec(**changes)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    "change",
    [
        {"scenario": "split-digits:class"},
        {"scenario": "split-digits:task,tasks=2"},
        {"epochs": 3},
        {"epochs": None, "iterations": 2},
        {"batch_size": 33},
        {"evaluation": "0"},
        {"seeds": {"init": 0, "order": 0, "classes": 0}},
    ],
)
def test_another_task_or_budget_is_another_protocol(change: dict[str, Any]) -> None:
    assert spec(**change).protocol != spec().protocol
    assert spec(**change).group != spec().group


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "naive"},
        {"hyperparameters": {"strength": 1.0}},
        {"network": "cnn:16"},
        {"optimizer": "adam"},
        {"lr": 0.1},
        {"momentum": 0.9},
        {"weight_decay": 0.1},
        {"schedule": "plateau"},
        {"carry_optimizer": True},
    ],
)
def test_another_way_to_learn_is_another_entry_of_the_same_protocol(change: dict[str, Any]) -> None:
    changed = spec(**change)
    assert changed.protocol == spec().protocol
    assert changed.settings != spec().settings
    assert changed.group != spec().group


@pytest.mark.parametrize(
    "change",
    [
        {"properties": ("calibration",)},
        {"evaluate": "sample=2"},
        {"evaluate_every": 5},
        {"device": "cuda"},
        {"threads": 2},
    ],
)
def test_what_is_measured_and_where_is_no_part_of_the_entry(change: dict[str, Any]) -> None:
    changed = spec(**change)
    assert changed.protocol == spec().protocol
    assert changed.settings == spec().settings
    assert changed.group != spec().group


def test_runs_that_differ_by_their_seeds_alone_are_one_group() -> None:
    others = [spec(seeds={"init": init, "order": order}) for init, order in ((1, 0), (0, 1), (7, 7))]
    for other in others:
        assert other.protocol == spec().protocol
        assert other.settings == spec().settings
        assert other.group == spec().group
    drawn = [spec(seeds={"init": 0, "order": 0, "classes": classes}) for classes in (0, 1)]
    assert drawn[0].protocol == drawn[1].protocol
    assert drawn[0].group == drawn[1].group != spec().group


def test_digests_do_not_hang_on_the_order_of_fields() -> None:
    assert digest({"a": 1, "b": [2.5, None]}) == digest({"b": [2.5, None], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5}) != digest({"a": "1.5"})
    assert len(digest(0)) == 12
    assert len(spec().protocol) == len(spec().group) == 12


def test_a_specification_survives_json() -> None:
    written = spec(momentum=0.9, properties=["calibration"], hyperparameters={"a": 1, "b": 1.0, "c": None})
    read = RunSpec.model_validate_json(written.model_dump_json())
    assert read == written
    assert {name: type(value) for name, value in read.hyperparameters.items()} == {
        "a": int, "b": float, "c": type(None)
    }  # fmt: skip


def test_a_specification_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec().lr = 1.0  # type: ignore[misc]
    assert spec().seeds == Seeds(init=0, order=0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iterations": 5}, "give epochs or iterations, one of the two"),
        ({"epochs": None}, "give epochs or iterations, one of the two"),
        ({"epochs": 0}, "epochs=0 is not possible"),
        ({"epochs": 1.5}, "epochs=1.5 is not possible"),
        ({"epochs": "many"}, "epochs='many' is not possible"),
        ({"batch_size": 0}, "batch_size=0 is not possible"),
        ({"lr": -0.1}, "lr=-0.1 is not possible"),
        ({"lr": 0}, "lr=0 is not possible"),
        ({"lr": float("nan")}, "lr=nan is not possible"),
        ({"lr": float("inf")}, "lr=inf is not possible"),
        ({"momentum": 1}, "momentum=1 is not possible"),
        ({"momentum": 0.9, "optimizer": "adam"}, "momentum is an option of sgd; adam has its own"),
        ({"weight_decay": -1}, "weight_decay=-1 is not possible"),
        ({"optimizer": "lion"}, "'sgd', 'adam' or 'adamw'"),
        ({"schedule": "cosine"}, "'constant', 'plateau' or 'criterion'"),
        *(
            ({"evaluate": text}, f"evaluate={text!r} is not possible: it should be all, seen, or sample=K")
            for text in ("", "some", "sample", "sample=", "sample=0", "sample=-1", "sample=1.5", "sample=01", "all ")
        ),
        ({"evaluate": 3}, "evaluate=3 is not possible"),
        ({"evaluate_every": 0}, "evaluate_every=0 is not possible"),
        ({"threads": 0}, "threads=0 is not possible"),
        ({"seeds": {"init": -1, "order": 0}}, "seeds.init=-1 is not possible"),
        ({"seeds": {"init": 0}}, "seeds.order: field required"),
        ({"hyperparameters": {"strength": float("nan")}}, "hyperparameters.strength"),
        ({"rate": 0.1}, "rate: extra inputs are not permitted"),
        ({"two\nlines": 1}, "two lines: extra inputs are not permitted"),
        ({"scenario": None}, "scenario=None is not possible"),
    ],
)
def test_what_is_not_possible_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    assert says in refused(**changes)
