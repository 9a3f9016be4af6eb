"""What every property promises, whatever it measures."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.properties.property import (
    PROPERTIES,
    GroupProperty,
    Measurement,
    Property,
    Subject,
    build_property,
    property_reference,
)
from scenarios.examples import TensorExamples

NAMES = sorted(PROPERTIES.entries())
CELLS = [name for name in NAMES if issubclass(PROPERTIES.get(name), Property)]
WHERE = [("task", "naive"), ("domain", "naive"), ("class", "naive"), ("task", "hat")]

QUICK = {"memorisation": "memorisation:32,budget=60"}
"""What takes long with its defaults, asked for in little."""

MakeSubject = Callable[..., Subject]


def measured(name: str, subject: Subject) -> Measurement:
    """One cell, with the random numbers of a fresh generator."""
    return build_property(QUICK.get(name, name)).measure(replace(subject, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(("kind", "strategy"), WHERE)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_a_finite_number_or_has_a_reason(name: str, kind: str, strategy: str, subject: MakeSubject) -> None:
    for seen in (0, 1):
        found = measured(name, subject(kind, strategy, seen))
        assert math.isfinite(found.value) if found.value is not None else found.reason
        json.dumps(found.beside, allow_nan=False)


@pytest.mark.parametrize(("kind", "strategy"), WHERE)
@pytest.mark.parametrize("name", CELLS)
def test_measuring_twice_gives_the_same_and_leaves_no_trace(
    name: str, kind: str, strategy: str, subject: MakeSubject
) -> None:
    first = subject(kind, strategy)
    before = {key: value.clone() for key, value in first.model.state_dict().items()}
    streams = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    measured_first = measured(name, first)
    assert all(torch.equal(value, before[key]) for key, value in first.model.state_dict().items())
    assert all(parameter.grad is None for parameter in first.model.parameters())
    assert not first.model.training
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert random.getstate() == streams[1]
    assert np.array_equal(np.random.get_state()[1], streams[2])  # noqa: NPY002
    assert measured(name, first) == measured_first
    assert measured(name, subject(kind, strategy)) == measured_first


@pytest.mark.parametrize("name", CELLS)
def test_bytes_and_the_same_images_as_floats_measure_alike(name: str, subject: MakeSubject) -> None:
    of_bytes = subject()

    def floats(examples: TensorExamples) -> TensorExamples:
        assert examples.x.dtype == torch.uint8
        return TensorExamples(examples.x.float() / 255, examples.y, examples.task)

    of_floats = replace(
        of_bytes,
        test=floats(of_bytes.test),
        task=replace(of_bytes.task, training=floats(of_bytes.task.training)),
    )
    assert measured(name, of_floats) == measured(name, of_bytes)


@pytest.mark.parametrize("name", CELLS)
def test_with_one_active_class_there_is_a_reason_and_no_number(name: str, linear: MakeSubject) -> None:
    found = measured(name, linear(torch.ones(1, 3), torch.rand(8, 3), torch.zeros(8)))
    assert found.value is None
    assert "only one class" in str(found.reason)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    kind = PROPERTIES.get(name)
    assert issubclass(kind, Property | GroupProperty)
    assert kind.unit
    assert kind.better in {"higher", "lower"}
    assert kind.cost
    assert "\n" not in PROPERTIES.entries()[name].summary
    assert property_reference(name) == name
