"""Drift: angles rise along one stream, whichever examples are asked for in whatever order."""

import pickle

import pytest
import torch
from refusals import refusal
from torch import Tensor

from scenarios.drift import Drifting, drift
from scenarios.examples import Examples
from scenarios.rotated import Rotation
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.task import Scenario


def drifting(examples: Examples) -> Drifting:
    assert isinstance(examples, Drifting)
    return examples


def angles(examples: Examples) -> list[float]:
    return drifting(examples).angles(torch.arange(len(examples)))


def everything(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.batch(torch.arange(len(examples)))


def one_by_one(examples: Examples) -> Tensor:
    """The images as `Rotation` turns each, alone."""
    parts = zip(drifting(examples).x.split(1), angles(examples), strict=True)
    return torch.cat([Rotation(angle)(x) for x, angle in parts])


def whole(scenario: Scenario) -> list[float]:
    return [angle for task in scenario.tasks for angle in angles(task.training)]


@pytest.mark.parametrize("tasks", [1, 4, 7])
def test_every_example_of_the_stream_is_turned_a_little_further(letters: Source, tasks: int) -> None:
    scenario = drift(letters, 0, tasks=tasks, degrees=90.0, validation=0.0)
    assert whole(scenario) == pytest.approx([90 * place / 120 for place in range(120)])
    assert {len(task.training) for task in scenario.tasks} <= {120 // tasks, 120 // tasks + 1}
    assert all(task.training.ordered for task in scenario.tasks)
    assert (scenario.boundaries, scenario.passes) == (False, 1)


def test_the_stream_has_each_training_image_once_and_its_labels(letters: Source) -> None:
    scenario = drift(letters, 0, tasks=7)
    parts = [drifting(task.training) for task in scenario.tasks]
    held = drifting(scenario.tasks[0].validation)
    pairs = [(int(x[0, 0, 0]), int(y)) for part in (*parts, held) for x, y in zip(part.x, part.y, strict=True)]
    assert sorted(pairs) == sorted((int(x[0, 0, 0]), int(y)) for x, y in zip(letters.x, letters.y, strict=True))
    assert len(held) == 12


def test_it_is_mixed_even_without_a_seed(letters: Source) -> None:
    by_class = letters.y.sort(stable=True).indices
    ordered = Source(
        "ordered", letters.labels, letters.x[by_class], letters.y[by_class], letters.test_x, letters.test_y
    )
    for task in drift(ordered, None, tasks=3).tasks:
        assert len(everything(task.training)[1].unique()) == 6
    assert drift(letters, None, tasks=3).digest != drift(letters, 1, tasks=3).digest


def test_images_are_those_that_a_rotation_gives_one_by_one(digits: Source) -> None:
    scenario = drift(digits, 1, tasks=4)
    for examples in (scenario.tasks[2].training, scenario.tasks[1].validation, scenario.test[3]):
        x, y = everything(examples)
        assert x.dtype == torch.uint8
        assert torch.equal(x, one_by_one(examples))
        assert torch.equal(y, drifting(examples).y)


def test_any_order_and_size_of_batches_gives_the_same_images(digits: Source) -> None:
    examples = drift(digits, 1, tasks=4).tasks[2].training
    x, y = everything(examples)
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0))
    for size in (1, 10, 64, 1000):
        batches = list(examples.batches(order, size))
        assert [len(part) for _, part, _ in batches] == [len(part) for part in order.split(size)]
        assert torch.equal(torch.cat([part for part, _, _ in batches]), x[order])
        assert torch.equal(torch.cat([part for _, part, _ in batches]), y[order])
        assert all(task.tolist() == [2] for _, _, task in batches)
    again = torch.tensor([5, 5, 0])
    assert torch.equal(examples.batch(again)[0], x[again])
    assert len(examples.batch(torch.arange(0))[0]) == 0


def test_held_on_a_device_it_is_the_same_and_still_in_order(digits: Source) -> None:
    examples = drift(digits, 1, tasks=4).tasks[2].training
    held = examples.to(torch.device("cpu"))
    assert held.ordered
    assert not isinstance(held, Drifting)
    for mine, other in zip(everything(held), everything(examples), strict=True):
        assert torch.equal(mine, other)
    assert torch.equal(held.task, examples.task)
    nothing = drift(digits, 1, validation=0.0).tasks[0].validation
    assert len(nothing.to(torch.device("cpu"))) == 0


def test_a_stretch_is_tested_at_angles_spread_over_it(letters: Source) -> None:
    scenario = drift(letters, 0, tasks=3, degrees=90.0)
    for index, test in enumerate(scenario.test):
        expected = [30 * index + 30 * (place + 0.5) / 30 for place in range(30)]
        assert sorted(angles(test)) == pytest.approx(expected)
        assert angles(test) != sorted(angles(test)), "images may lie class by class: angles would tell classes"
        assert torch.equal(drifting(test).places, drifting(scenario.test[0]).places)


def test_images_are_held_once_however_many_stretches(digits: Source) -> None:
    few, many = drift(digits, 0, tasks=2), drift(digits, 0, tasks=100)
    for scenario in (few, many):
        assert len({drifting(test).x.data_ptr() for test in scenario.test}) == 1
        assert len({drifting(task.validation).x.data_ptr() for task in scenario.tasks}) == 1
    assert len(pickle.dumps(many)) < len(pickle.dumps(few)) + 100 * 3000
    assert len({task.name for task in many.tasks}) == 100


def test_the_digest_tells_angles_and_images_apart(letters: Source) -> None:
    digests = {drift(letters, 0, tasks=2, degrees=degrees).digest for degrees in (10.0, 20.0, 20.01)}
    assert len(digests) == 3
    base = drifting(drift(letters, 0, tasks=2).tasks[1].training)
    fields = (base.x, base.y, 1, base.places, base.first, base.last)
    assert Drifting(*fields).digest() == base.digest()
    for place, other in ((0, base.x + 1), (1, base.y.flip(0)), (2, 0), (3, base.places / 2), (4, 1.0), (5, 2.0)):
        changed = [other if at == place else field for at, field in enumerate(fields)]
        assert Drifting(*changed).digest() != base.digest()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drift-digits:class", "kind=class is not possible: input should be 'domain'"),
        ("drift-digits:degrees=0", "degrees=0 is not possible"),
        ("drift-digits:tasks=2000", "drift-digits: 1299 training examples do not make tasks=2000 stretches"),
    ],
)
def test_what_is_not_possible_is_refused(text: str, says: str) -> None:
    assert says in refusal(lambda: scenario_reference(text).build())
