"""iCaRL against its algorithms, written out the long way."""

import math
from collections import Counter

import pytest
import torch
from support import Alone, tiny_spec, trainer_for, weights
from torch import Tensor

from strategies.icarl import ICaRL, herded
from strategies.strategy import Batch


def icarl_on(kind: str, tasks: int, **fields: object) -> tuple[Alone, ICaRL]:
    """After so many tasks, with a further one begun."""
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "icarl", iterations=30, **fields))
    for index in range(tasks):
        trainer.learn(index)
    assert isinstance(trainer.strategy, ICaRL)
    trainer.strategy.masks = trainer.scenario.masks(tasks)
    trainer.strategy.start_task(trainer.scenario.tasks[tasks])
    return trainer, trainer.strategy


def batch_of(trainer: Alone, index: int, size: int = 12) -> Batch:
    x, y = trainer.scenario.tasks[index].training.batch(torch.arange(size))
    return trainer.strategy.batch(x, y, torch.tensor([index]))


def unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("scaled", [True, False])
def test_herding_brings_the_mean_of_what_is_chosen_nearest_to_the_mean_of_all(scaled: bool) -> None:
    features = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    features = unit(features) if scaled else features
    chosen: list[int] = []
    for k in range(1, 21):
        left = [number for number in range(20) if number not in chosen]
        means = [features[[*chosen, number]].sum(0) / k for number in left]
        distances = [float((features.mean(0) - mean).norm()) for mean in means]
        chosen.append(left[distances.index(min(distances))])
    assert herded(features, 20).tolist() == chosen
    assert herded(features, 7).tolist() == chosen[:7]
    assert sorted(herded(features, 100).tolist()) == list(range(20))
    assert herded(features, 0).tolist() == []


def test_exemplars_are_herded_and_later_the_first_of_them_are_kept() -> None:
    trainer, strategy = icarl_on("class", 1, memory=24)
    features = {}
    for label in (0, 1):
        x, y = trainer.scenario.tasks[0].training.batch(torch.arange(len(trainer.scenario.tasks[0].training)))
        with torch.no_grad():
            found = unit(strategy.network.features(x[y == label]))
        features[label] = x[y == label][herded(found, 12)]
    assert torch.equal(strategy.memory.x, torch.cat([features[0], features[1]]))
    for share, index in ((6, 1), (4, 2), (3, 3), (2, 4)):
        trainer.learn(index)
        assert torch.equal(strategy.memory.x[: 2 * share], torch.cat([features[0][:share], features[1][:share]]))
        assert Counter(strategy.memory.y.tolist()) == dict.fromkeys(range(2 * index + 2), share)


@pytest.mark.parametrize("kind", ["task", "domain", "class"])
@pytest.mark.parametrize(("given", "counts"), [({"memory": 23}, [11, 5, 3, 2, 2]), ({"per_class": 7}, [7] * 5)])
def test_the_memory_is_shared_equally_and_never_exceeds_its_bound(
    kind: str, given: dict[str, int], counts: list[int]
) -> None:
    trainer = trainer_for(tiny_spec(f"split-digits:{kind}", "icarl", iterations=5, **given))
    strategy = trainer.strategy
    assert isinstance(strategy, ICaRL)
    for index, count in enumerate(counts):
        trainer.learn(index)
        held = Counter(zip(strategy.memory.task.tolist(), strategy.memory.y.tolist(), strict=True))
        assert len(held) == 2 * (index + 1)
        assert set(held.values()) == {count}
    assert strategy.memory.capacity == given.get("memory")


def test_a_memory_smaller_than_the_classes_is_left_empty_and_answers_all_the_same() -> None:
    trainer, strategy = icarl_on("class", 4, memory=5)
    assert len(strategy.memory) == 0
    trainer.learn(4)
    assert len(strategy.memory) == 0
    assert torch.equal(
        strategy(batch_of(trainer, 4)).argmax(1),
        batch_of(trainer, 4).masked(strategy.network(batch_of(trainer, 4).x)).argmax(1),
    )


def test_it_trains_on_the_task_and_all_exemplars() -> None:
    trainer, strategy = icarl_on("class", 2, memory=24)
    task = trainer.scenario.tasks[2]
    (phase,) = strategy.phases(task)
    x, y = phase.examples.batch(torch.arange(len(phase.examples)))
    own = len(task.training)
    assert len(y) == own + 24
    assert torch.equal(x[own:], strategy.memory.x)
    assert torch.equal(y[:own], task.training.batch(torch.arange(own))[1])
    assert set(phase.examples.task[:own].tolist()) == {2}
    assert torch.equal(phase.examples.task[own:], strategy.memory.task)


@pytest.mark.parametrize("kind", ["task", "domain", "class", "class,active=all"])
def test_the_loss_is_that_of_algorithm_3(kind: str) -> None:
    trainer, strategy = icarl_on(kind, 2, memory=40)
    with torch.no_grad():
        for parameter in strategy.network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    own, old = batch_of(trainer, 2), strategy.memory
    batch = own.extended(old.x[:12], old.y[:12], old.task[:12]).joined()
    now, then = (network(batch.x).detach().sigmoid().tolist() for network in (strategy.network, strategy.old))
    assert now != then
    expected = 0.0
    for row, (label, task) in enumerate(zip(batch.y.tolist(), batch.task.tolist(), strict=True)):
        for output in range(len(now[0])):
            if kind == "domain":
                counted, distilled = True, False
            else:
                distilled = output < 4  # classes of the two tasks before
                counted = distilled or output // 2 == task or kind == "class,active=all"
                counted = counted or (kind == "class" and output < 6)
            target = then[row][output] if distilled else float(output == label)
            if counted:
                p = now[row][output]
                expected -= target * math.log(p) + (1 - target) * math.log(1 - p)
    assert float(strategy.loss(batch).detach()) == pytest.approx(expected / 24, rel=1e-4)


def test_the_old_network_is_that_after_the_last_task_and_never_drops_units() -> None:
    trainer, strategy = icarl_on("class", 1, network="mlp:24x16,dropout=0.5")
    for mine, old in zip(strategy.network.state_dict().values(), strategy.old.state_dict().values(), strict=True):
        assert torch.equal(mine, old)
    kept = [parameter.clone() for parameter in strategy.old.parameters()]
    trainer.learn(1)
    assert not torch.equal(kept[0], next(iter(strategy.old.parameters())))
    strategy.train()
    assert strategy.network.training
    assert not strategy.old.training


@pytest.mark.parametrize("kind", ["task", "domain", "class", "class,active=all"])
def test_the_answer_is_the_class_of_the_nearest_mean_of_exemplars(kind: str) -> None:
    trainer, strategy = icarl_on(kind, 3, memory=60)
    strategy.eval()
    batch = batch_of(trainer, 1, 40)
    with torch.no_grad():
        answered, features = strategy(batch), unit(strategy.network.features(batch.x))
        held = strategy.memory
        found = torch.full_like(answered, -torch.inf)
        for task in range(3):
            for label in held.y[held.task == task].unique().tolist():
                chosen = held.x[(held.task == task) & (held.y == label)]
                mean = unit(unit(strategy.network.features(chosen)).mean(0))
                found[:, label] = torch.maximum(found[:, label], -(features - mean).square().sum(1))
    seen = found.isfinite() & batch.active
    assert seen.any(1).all()
    assert torch.allclose(answered[seen], found[seen], atol=1e-5)
    assert torch.equal(answered.argmax(1), torch.where(seen, found, -torch.inf).argmax(1))


def test_means_of_mirrored_exemplars_count_half() -> None:
    trainer, strategy = icarl_on("class", 1, memory=20, mirrored=True)
    with torch.no_grad():
        for label in (0, 1):
            chosen = strategy.memory.x[strategy.memory.y == label]
            each, mirrored = (unit(strategy.network.features(x)).mean(0) for x in (chosen, chosen.flip(3)))
            assert torch.allclose(strategy.means[label], unit((each + mirrored) / 2), atol=1e-6)
    plain, _ = icarl_on("class", 1, memory=20)
    assert not torch.equal(plain.strategy.get_buffer("means"), strategy.means)
    assert torch.equal(weights(plain), weights(trainer))


def test_what_is_sent_through_networks_is_counted() -> None:
    trainer, _ = icarl_on("class", 1, memory=24)
    (cost,) = trainer.outcome.costs
    assert cost.examples_backward == 30 * 10
    assert cost.examples_forward == 2 * 30 * 10 + len(trainer.scenario.tasks[0].training) + 24
