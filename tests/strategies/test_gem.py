"""GEM and A-GEM against their equations, written out the long way."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
import torch
from support import Alone, tiny_spec, trainer_for
from torch import Tensor
from torch.nn.functional import cross_entropy

from strategies.agem import AGEM
from strategies.gem import GEM, RIDGE, multipliers
from strategies.strategy import Batch, Strategy


def learned(name: str, tasks: int, kind: str = "class", **fields: object) -> Alone:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", name, iterations=20, **fields))
    for index in range(tasks):
        trainer.learn(index)
    return trainer


def plain_gradient(strategy: Strategy, x: Tensor, y: Tensor, task: Tensor) -> Tensor:
    """That of the mean cross-entropy, by the ordinary way, in one vector."""
    loss = cross_entropy(strategy(strategy.batch(x, y, task)), y)
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(strategy.network.parameters()))])


def batches_of(trainer: Alone, index: int) -> Iterator[Batch]:
    task = trainer.scenario.tasks[index]
    masks = trainer.scenario.masks(index)
    trainer.strategy.masks = masks
    for part in torch.arange(200).split(20):
        x, y = task.training.batch(part)
        yield trainer.strategy.prepare(trainer.strategy.batch(x, y, torch.tensor([index])))


def as_dictionary(strategy: Strategy, gradient: Tensor) -> dict[str, Tensor]:
    parameters = dict(strategy.named_parameters())
    parts = gradient.split([each.numel() for each in parameters.values()])
    return {name: part.view_as(parameters[name]) for name, part in zip(parameters, parts, strict=True)}


def as_vector(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


@pytest.mark.parametrize("name", ["gem", "a-gem"])
def test_a_memory_is_the_first_examples_of_a_tasks_stream_and_never_more(name: str) -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", name, memory=25, iterations=40))
    strategy = trainer.strategy
    assert isinstance(strategy, GEM | AGEM)
    seen: list[Tensor] = []
    prepare = strategy.prepare

    def watched(batch: Batch) -> Batch:
        seen.append(batch.x[: batch.fresh])
        prepared = prepare(batch)
        assert len(strategy.present) == min(25, 10 * len(seen))
        return prepared

    strategy.prepare = watched  # type: ignore[method-assign]
    for index in range(3):
        seen.clear()
        trainer.learn(index)
        assert len(strategy.present) == 0
        assert strategy.past.task.tolist() == [task for task in range(index + 1) for _ in range(25)]
        assert torch.equal(strategy.past.x[-25:], torch.cat(seen)[:25])
        assert set(strategy.past.y[-25:].tolist()) <= set(trainer.scenario.tasks[index].classes)


def test_a_task_smaller_than_its_memory_is_kept_once() -> None:
    trainer = trainer_for(tiny_spec("split-digits:class", "gem", memory=5000, epochs=3, batch_size=64))
    trainer.learn(0)
    assert isinstance(trainer.strategy, GEM)
    assert len(trainer.strategy.past) == len(trainer.scenario.tasks[0].training)


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_a_gem_projects_where_the_gradients_disagree_and_only_there(kind: str) -> None:
    trainer = learned("a-gem", 2, kind, memory=30, memory_batch=16)
    strategy = trainer.strategy
    seen = set()
    for batch in batches_of(trainer, 2):
        names = ("reference_x", "reference_y", "reference_task")
        assert len(batch.extras["reference_y"]) == 16
        assert int(batch.extras["reference_task"].max()) <= 1
        reference = plain_gradient(strategy, *(batch.extras[name] for name in names))
        own = plain_gradient(strategy, batch.x, batch.y, batch.task)
        for g in (own, own - 2 * reference, own + 100 * reference):
            with torch.no_grad():
                found = as_vector(strategy.adjust_gradients(as_dictionary(strategy, g), batch))
            dot = float(g.double() @ reference.double())
            if dot < 0:
                expected = g - (g @ reference) / (reference @ reference) * reference
                assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)
                assert abs(float(found.double() @ reference.double())) < 1e-3 * float(reference.norm() * g.norm())
            else:
                assert torch.equal(found, g)
            seen.add(dot < 0)
    assert seen == {True, False}


def test_a_gem_counts_its_reference_batch() -> None:
    trainer = learned("a-gem", 2, memory=30, memory_batch=16)
    first, second = trainer.outcome.costs
    assert (first.examples_backward, second.examples_backward) == (20 * 10, 20 * (10 + 16))


def by_enumeration(gram: np.ndarray, products: np.ndarray, margin: float) -> np.ndarray:
    """The programme by trying every set of bounds that hold with equality, and keeping the best that is possible."""
    p = gram + RIDGE * np.eye(len(gram))
    best, least = np.full(len(gram), margin), np.inf
    for size in range(len(gram) + 1):
        for free in map(list, combinations(range(len(gram)), size)):
            v = np.full(len(gram), margin)
            bound = [row for row in range(len(gram)) if row not in free]
            if free:
                v[free] = np.linalg.solve(p[np.ix_(free, free)], -products[free] - p[np.ix_(free, bound)] @ v[bound])
            value = v @ p @ v / 2 + products @ v
            if (v >= margin - 1e-12).all() and value < least:
                best, least = v, value
    return best


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0])
def test_the_quadratic_programme_is_solved(margin: float) -> None:
    quadprog = pytest.importorskip("quadprog")
    random = np.random.default_rng(0)
    inside = 0
    for tasks in (1, 2, 4, 6):
        for _ in range(10):
            rows, g = random.normal(size=(tasks, 30)), random.normal(size=30) * 3
            found = multipliers(rows @ rows.T, rows @ g, margin)
            assert found == pytest.approx(by_enumeration(rows @ rows.T, rows @ g, margin), abs=1e-8)
            # As the authors call it: minimise ½ vᵀ P v − aᵀ v subject to v ≥ margin.
            p, bounds = rows @ rows.T + RIDGE * np.eye(tasks), np.full(tasks, margin)
            assert found == pytest.approx(quadprog.solve_qp(p, -rows @ g, np.eye(tasks), bounds)[0], abs=1e-8)
            inside += int((found > margin + 1e-6).sum())
    assert inside > 10, "no bound was ever left"


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
def test_gem_bends_a_step_until_no_memory_objects(kind: str) -> None:
    trainer = learned("gem", 3, kind, memory=20, margin=0.0)
    strategy = trainer.strategy
    assert isinstance(strategy, GEM)
    bent = 0
    for batch in batches_of(trainer, 3):
        memories = strategy.past.x.split(20), strategy.past.y.split(20)
        rows = torch.stack(
            [plain_gradient(strategy, x, y, torch.tensor([t])) for t, (x, y) in enumerate(zip(*memories, strict=True))]
        )
        for g in (plain_gradient(strategy, batch.x, batch.y, batch.task), rows.sum(0), -rows[0] - 0.5 * rows[2]):
            with torch.no_grad():
                found = as_vector(strategy.adjust_gradients(as_dictionary(strategy, g), batch))
            if bool((rows @ g >= 0).all()):
                assert torch.equal(found, g)
                continue
            bent += 1
            v = by_enumeration((rows @ rows.T).double().numpy(), (rows @ g).double().numpy(), 0.0)
            assert torch.allclose(found, g + torch.from_numpy(v).float() @ rows, rtol=1e-2, atol=1e-3)
            # The ridge leaves a little: it is 1e-3 times v.
            assert float((rows @ found).min()) >= -2e-3 * float(v.max()) - 1e-4
    assert bent >= 10


def test_a_margin_pulls_towards_every_memory() -> None:
    trainer = learned("gem", 3, memory=20, margin=2.0)
    strategy = trainer.strategy
    assert isinstance(strategy, GEM)
    batch = next(batches_of(trainer, 3))
    memories = enumerate(zip(strategy.past.x.split(20), strategy.past.y.split(20), strict=True))
    rows = torch.stack([plain_gradient(strategy, x, y, torch.tensor([t])) for t, (x, y) in memories])
    g = -rows.sum(0)
    with torch.no_grad():
        found = as_vector(strategy.adjust_gradients(as_dictionary(strategy, g), batch))
    v = torch.linalg.lstsq(rows.T, (found - g)[:, None]).solution.squeeze(1)
    assert float(v.min()) >= 2 - 1e-2


def test_gem_counts_its_memories() -> None:
    trainer = learned("gem", 3, memory=20)
    assert [cost.examples_backward for cost in trainer.outcome.costs] == [20 * 10, 20 * 30, 20 * 50]


@pytest.mark.parametrize("name", ["gem", "a-gem"])
def test_memories_leave_running_averages_alone(name: str) -> None:
    trainer = learned(name, 2, memory=20, network="resnet18:channels=2", lr=0.001)
    strategy = trainer.strategy
    batch = next(batches_of(trainer, 2))
    loss = strategy.loss(batch)
    gradients = torch.autograd.grad(loss, list(strategy.parameters()))
    before = {key: value.clone() for key, value in strategy.named_buffers() if key.startswith("network.")}
    with torch.no_grad():
        strategy.adjust_gradients(dict(zip(dict(strategy.named_parameters()), gradients, strict=True)), batch)
    after = dict(strategy.named_buffers())
    assert before
    assert all(torch.equal(before[key], after[key]) for key in before)
