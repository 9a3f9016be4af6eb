"""What every scenario owes, whatever family and source it is of."""

import dataclasses
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from scenarios.catalogue import list_scenarios
from scenarios.errors import RequestError
from scenarios.scenario import scenario_reference
from scenarios.sources.files import Files
from scenarios.sources.source import load_source
from scenarios.task import Examples, Scenario

CASES = [(name, kind) for name in list_scenarios() for kind in ("task", "domain", "class")]


@lru_cache(maxsize=1)
def built(reference: str) -> Scenario:
    return scenario_reference(reference).build(seed=0)


@cache
def missing(source: str | None) -> str | None:
    """Why the data of a source cannot be had here, asked once; tests download nothing."""
    try:
        if source is not None:
            with patch.object(Files, "download", lambda self: "not tried"):
                load_source(source)
    except RequestError as error:
        return str(error)
    return None


@pytest.fixture(params=CASES, ids=[":".join(case) for case in CASES])
def reference(request: pytest.FixtureRequest) -> str:
    """The name of a scenario whose data this machine has."""
    name, kind = request.param
    if reason := missing(scenario_reference(name).source):
        pytest.skip(reason)
    return f"{name}:{kind}"


@pytest.fixture
def scenario(reference: str) -> Scenario:
    return built(reference)


def splits(scenario: Scenario) -> Iterator[tuple[int, Examples]]:
    for task, test in zip(scenario.tasks, scenario.test, strict=True):
        for examples in (task.training, task.validation, test):
            yield task.index, examples


def labels(examples: Examples) -> list[int]:
    return examples.batch(torch.arange(len(examples)))[1].unique().tolist()


def storages(value: Any, seen: set[int]) -> Iterator[int]:
    """Where the numbers of every tensor lie that can be reached from a value."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value.untyped_storage().data_ptr()
    elif isinstance(value, dict):
        for part in value.values():
            yield from storages(part, seen)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from storages(part, seen)
    elif hasattr(value, "__dict__"):
        yield from storages(vars(value), seen)


def test_it_is_a_sequence_of_tasks_in_order(scenario: Scenario) -> None:
    assert [task.index for task in scenario.tasks] == list(range(len(scenario.tasks)))
    assert len(scenario.test) == len(scenario.tasks) >= 2
    assert len({task.name for task in scenario.tasks}) == len(scenario.tasks)


def test_every_split_has_examples_of_the_task_and_of_no_other(scenario: Scenario) -> None:
    for index, examples in splits(scenario):
        assert len(examples) > 0
        assert set(labels(examples)) == set(scenario.tasks[index].classes)
        assert examples.tasks(torch.tensor([0])).tolist() == [index]
        x, y = examples.batch(torch.tensor([0, len(examples) - 1]))
        assert x.shape == (2, *scenario.input_shape)
        assert x.dtype in {torch.uint8, torch.float32}
        assert y.dtype == torch.int64


def test_classes_are_outputs_with_one_original_each(scenario: Scenario) -> None:
    for task in scenario.tasks:
        assert len(task.original_classes) == len(task.classes) == len(set(task.classes))
        assert len(set(task.original_classes)) == len(task.original_classes)
        assert set(task.classes) <= set(range(scenario.classes))
    used = [output for task in scenario.tasks for output in task.classes]
    assert set(used) == set(range(scenario.classes))
    assert scenario.kind == "domain" or len(used) == scenario.classes


def test_masks_have_a_row_a_task_and_never_lose_a_class(scenario: Scenario) -> None:
    count = len(scenario.tasks)
    before = scenario.masks(-1)
    assert before.dtype == torch.bool
    assert before.shape == (count, scenario.classes)
    for after, task in enumerate(scenario.tasks):
        masks = scenario.masks(after)
        assert bool((masks | ~before).all())
        assert bool(masks[task.index, list(task.classes)].all())
        before = masks
    assert 0 < scenario.chance <= 1


def test_a_task_reaches_no_test_example(scenario: Scenario) -> None:
    secret = {
        storage
        for examples in scenario.test
        for field, value in vars(examples).items()
        if field in {"x", "y", "dataset"}
        for storage in storages(value, set())
    }
    assert secret
    reachable = {storage for task in scenario.tasks for storage in storages(task, set())}
    assert reachable
    assert not secret & reachable


def test_it_cannot_be_changed(scenario: Scenario) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.tasks[0].index = 5  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.kind = "task"  # type: ignore[misc]


def test_a_seed_gives_the_same_again_and_another_seed_another(reference: str) -> None:
    scenario = built(reference)
    again, other = (scenario_reference(reference).build(seed) for seed in (0, 1))
    assert again.digest == scenario.digest != other.digest
    assert other.input_shape == scenario.input_shape
    assert sum(map(len, other.test)) == sum(map(len, scenario.test))


def test_its_name_builds_it_again(reference: str) -> None:
    scenario = built(reference)
    assert scenario.name == reference
    assert scenario_reference(scenario.name).build(seed=0).digest == scenario.digest
