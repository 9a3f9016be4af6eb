"""Spheres: points that are drawn when they are read, and lie where they should."""

import pickle
import time
import tracemalloc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal
from support import tiny_spec, trainer_for
from torch import Tensor

from scenarios.scenario import scenario_reference
from scenarios.spheres import BLOCK, Spheres
from scenarios.task import Scenario


def built(text: str = "spheres:dimension=6,examples=500", seed: int | None = None) -> Scenario:
    return scenario_reference(text).build(seed)


def points(count: int = 500, dimension: int = 6, stream: str = "points") -> Spheres:
    return Spheres(stream, count, dimension, (1.0, 1.3))


def everything(examples: Spheres) -> tuple[Tensor, Tensor]:
    return examples.batch(torch.arange(len(examples)))


@pytest.mark.parametrize("dimension", [2, 7, 500])
def test_every_point_is_as_far_from_the_centre_as_its_label_says(dimension: int) -> None:
    x, y = everything(points(dimension=dimension))
    assert x.shape == (500, dimension)
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    torch.testing.assert_close(x.norm(dim=1), torch.tensor([1.0, 1.3])[y], rtol=1e-6, atol=0)
    assert 200 < int(y.sum()) < 300


def test_points_are_even_on_the_sphere_whatever_the_label() -> None:
    x, y = everything(points(40_000, 3))
    for label in (0, 1):
        z = x[y == label] / x[y == label].norm(dim=1, keepdim=True)
        # Archimedes: each coordinate of a point on a sphere in three dimensions is even on [−1, 1].
        for coordinate in z.T:
            counts = torch.histc(coordinate, 10, -1, 1)
            assert float(((counts - len(z) / 10) ** 2 / (len(z) / 10)).sum()) < 30  # χ² with 9 degrees: p = 0.0004
        assert float((z.T @ z / len(z) - torch.eye(3) / 3).abs().max()) < 0.01


@given(st.lists(st.integers(0, 499), max_size=40))
def test_a_point_is_the_same_whenever_it_is_asked_for(indices: list[int]) -> None:
    x, y = everything(points())
    chosen = torch.tensor(indices, dtype=torch.long)
    found_x, found_y = points().batch(chosen)
    assert torch.equal(found_x, x[chosen])
    assert torch.equal(found_y, y[chosen])


@pytest.mark.parametrize("size", [1, 7, 50, 700])
@pytest.mark.parametrize("mixed", [False, True])
def test_batches_come_in_any_order_and_size(size: int, mixed: bool) -> None:
    examples = points()
    x, y = everything(examples)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0)) if mixed else torch.arange(500)
    parts = list(examples.batches(order, size))
    assert [len(part[1]) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert torch.equal(torch.cat([part[0] for part in parts]), x[order])
    assert torch.equal(torch.cat([part[1] for part in parts]), y[order])
    assert all(task.tolist() == [0] for _, _, task in parts)


def test_how_many_there_are_does_not_change_them() -> None:
    x, _ = everything(points(100))
    longer, _ = points(10**9).batch(torch.arange(100))
    assert torch.equal(longer, x)
    last, _ = points(10**9).batch(torch.tensor([10**9 - 1]))
    assert float(last.norm()) == pytest.approx(1, abs=0.31)


def test_no_point_comes_twice_and_streams_share_none() -> None:
    x = torch.cat([everything(points(5000, 2, stream))[0] for stream in ("a", "b", "a 1", "1 a")])
    assert len(x.unique(dim=0)) == len(x)
    first, other = points(stream="a"), points(stream="a").fresh("b", 700)
    assert len(other) == 700
    assert len(first) == 500
    assert len(torch.cat([everything(first)[0], everything(other)[0]]).unique(dim=0)) == 1200
    assert other.digest() != first.digest() == points(stream="a").digest()


def test_no_stretch_of_numbers_is_used_twice() -> None:
    x, _ = everything(points())
    ratios = x[:, 1:] / x[:, :-1]  # what the numbers are before the point is brought onto its sphere
    stretches = torch.stack([ratios[:, :-1], ratios[:, 1:]], -1).flatten(0, 1).mul(1000).round()
    assert len(stretches.unique(dim=0)) == len(stretches) == 2000


@pytest.mark.parametrize("index", [-1, 500])
def test_there_are_no_examples_beyond_the_last(index: int) -> None:
    with pytest.raises(IndexError, match="there are 500 examples, from 0 to 499"):
        points().batch(torch.tensor([index]))


def test_nothing_is_held_however_many_examples_there_are() -> None:
    tracemalloc.start()
    scenario = built("spheres:radii=1.3+1.6+2,examples=1000000000")
    digest = scenario.digest
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert len(scenario.tasks[2].training) == 10**9
    assert len(pickle.dumps(scenario)) < 10_000
    assert len(digest) == 64


def test_reading_in_order_takes_little_time() -> None:
    batches = points(10**6, 500).batches(torch.arange(5000), 50)
    began = time.perf_counter()
    assert sum(len(y) for _, y, _ in batches) == 5000
    # About 0.3 ms a batch; a hundred times that would mean that a batch costs all before it.
    assert time.perf_counter() - began < 3


def test_one_task_is_that_of_the_paper() -> None:
    scenario = built("spheres")
    (task,) = scenario.tasks
    assert (scenario.input_shape, scenario.classes) == ((500,), 2)
    assert (task.name, task.classes, task.original_classes) == ("R = 1.3", (0, 1), ("inner", "outer"))
    assert [len(part) for part in (task.training, task.validation, scenario.test[0])] == [1_000_000, 1000, 10_000]
    assert isinstance(scenario.test[0], Spheres)
    assert scenario.test[0].radii == (1.0, 1.3)


@pytest.mark.parametrize(("kind", "labels"), [("task", [(0, 1), (2, 3), (4, 5)]), ("domain", [(0, 1)] * 3)])
def test_a_sequence_has_an_outer_sphere_a_task(kind: str, labels: list[tuple[int, int]]) -> None:
    scenario = built(f"spheres:{kind},radii=1.3+2+1.6,dimension=6,examples=300")
    assert [task.name for task in scenario.tasks] == ["R = 1.3", "R = 2", "R = 1.6"]
    assert [task.classes for task in scenario.tasks] == labels
    for radius, task, test in zip((1.3, 2.0, 1.6), scenario.tasks, scenario.test, strict=True):
        for examples in (task.training, task.validation, test):
            x, y = examples.batch(torch.arange(200))
            assert set(y.tolist()) == set(task.classes)
            expected = torch.where(y == task.classes[1], radius, 1.0)
            torch.testing.assert_close(x.norm(dim=1), expected, rtol=1e-6, atol=0)
            assert examples.tasks(torch.arange(2)).tolist() == [task.index]
    # Directions differ from task to task, not radii alone.
    inputs = [task.training.batch(torch.arange(100))[0] for task in scenario.tasks]
    directions = torch.cat([x / x.norm(dim=1, keepdim=True) for x in inputs])
    assert float((directions @ directions.T).fill_diagonal_(0).max()) < 0.999


def test_a_seed_is_other_points_and_none_those_of_seed_0() -> None:
    scenarios = [built(seed=seed) for seed in (None, 0, 1)]
    first, same, other = (scenario.tasks[0].training.batch(torch.arange(BLOCK))[0] for scenario in scenarios)
    assert torch.equal(first, same)
    assert not torch.isclose(first, other).any(1).all()
    assert len({scenario.digest for scenario in scenarios}) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("radii=1", "the inner sphere has radius 1, so 1 is not possible"),
        ("radii=1.3+0.5", "so 0.5 is not possible"),
        ("radii=1e3", "is not possible"),
        ("radii=1001", "is from 1.001 to 1000"),
        (f"radii={'9' * 400}", "is from 1.001 to 1000"),
        ("radii=1.3+1.30", "names one twice"),
        ("radii=", "is not possible"),
        ("radii=1.3+", "is not possible"),
        ("radii=big", "is not possible"),
        ("dimension=1", "dimension=1 is not possible"),
        ("dimension=501", "dimension=501 is not possible"),
        ("examples=0", "examples=0 is not possible"),
        ("class", "kind=class is not possible"),
    ],
)
def test_what_is_not_possible_is_refused(options: str, said: str) -> None:
    assert said in refusal(lambda: built(f"spheres:{options}"))


def test_it_is_usually_run_as_in_the_paper() -> None:
    usual = scenario_reference("spheres:dimension=20").usual
    assert usual["network"] == "mlp:1000x1000"
    assert (usual["optimizer"], usual["batch_size"]) == ("adam", 50)


def test_a_network_learns_from_points_it_sees_once() -> None:
    spec = tiny_spec(
        "spheres:dimension=4,examples=100000",
        "naive",
        network="quadratic:30",
        optimizer="adam",
        lr=0.03,
        batch_size=50,
        iterations=200,
        compile="off",
    )
    trainer = trainer_for(spec)
    trainer.run()
    assert trainer.outcome.rows[-1].accuracy[0] > 0.98
