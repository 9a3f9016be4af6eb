"""Replicas that train at once are the runs that train alone, up to rounding, for every strategy.

Kernels over a stack round differently, and what a network has forgotten is chaotic: a nudge of 1e-5 on the
weights moves the accuracy of an old task by as much as 0.15. So what is held is one step, the losses of the
first steps, and the accuracy on the task just learned.
"""

import copy
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from support import TOGETHER, Alone, kinds_of, replica_for, tiny_spec, trainer_for

from benchmark.checkpoint import Checkpoint
from benchmark.observers.observer import Observer, Step
from benchmark.optimization import Plateau
from benchmark.replica import Replica
from benchmark.spec import RunSpec
from benchmark.team import check_team, varied
from benchmark.trainer import Diverged, Trainer
from scenarios.errors import RequestError

SEEDS = 3

STEPS = {"icarl": 60}
"""How many losses can be compared, where not 200: which exemplars iCaRL chooses after a task can turn on rounding."""


class Losses(Observer):
    """Remembers every loss."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def stepped(self, step: Step) -> None:
        self.losses += step.losses


def team_for(specs: Sequence[RunSpec], **options: Any) -> Trainer:
    replicas = [replica_for(spec) for spec in specs]
    for replica in replicas:
        replica.observer = Losses()
    check_team(specs, [replica.scenario for replica in replicas])
    return Trainer(replicas, varied=varied(specs), **options)


def alone_for(spec: RunSpec) -> Alone:
    trainer = trainer_for(spec)
    trainer.replica.observer = Losses()
    return trainer


def losses(replica: Replica) -> list[float]:
    assert isinstance(replica.observer, Losses)
    return replica.observer.losses


def assert_losses(replica: Replica, alone: Replica, steps: int) -> None:
    mine, other = losses(replica)[:steps], losses(alone)[:steps]
    assert len(mine) == len(other)
    assert mine == pytest.approx(other, abs=1e-4, rel=1e-4)


def assert_close(replica: Replica, alone: Replica, steps: int = 200) -> None:
    """The contract between a replica and the same run alone."""
    assert_losses(replica, alone, steps)
    for task in range(len(alone.scenario.tasks)):
        learned, expected = (each.outcome.rows[task + 1].accuracy[task] for each in (replica, alone))
        assert learned == pytest.approx(expected, abs=0.005 + 1 / len(alone.scenario.test[task]))


@pytest.mark.parametrize(("name", "kind"), TOGETHER)
def test_replicas_are_the_runs_alone_up_to_rounding(name: str, kind: str) -> None:
    specs = [tiny_spec(f"split-digits:{kind}", name, seed, iterations=40) for seed in range(2)]
    team = team_for(specs)
    team.run()
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica, STEPS.get(name, 200))
        assert replica.order.get_state().equal(alone.replica.order.get_state())
        assert replica.strategy.generator.get_state().equal(alone.strategy.generator.get_state())
        ours, theirs = replica.outcome.costs, alone.outcome.costs
        for a, b in zip(ours, theirs, strict=True):
            assert a.model_dump(exclude={"seconds"}) == b.model_dump(exclude={"seconds"})


@pytest.mark.parametrize(("name", "kind"), TOGETHER)
def test_one_step_moves_each_replica_as_it_moves_the_run_alone(name: str, kind: str) -> None:
    """With plain SGD the movement is the gradient: equal within 1e-5, relative to its size."""
    specs = [tiny_spec(f"split-digits:{kind}", name, seed, iterations=1, batch_size=32) for seed in range(SEEDS)]
    team = team_for(specs)
    before = [{key: value.clone() for key, value in r.strategy.named_parameters()} for r in team.replicas]
    team.learn(0)
    for spec, replica, start in zip(specs, team.replicas, before, strict=True):
        alone = alone_for(spec)
        alone.learn(0)
        for key, value in alone.strategy.named_parameters():
            if value.numel() == 0:
                continue  # it grows with the tasks, and is empty in the first
            expected = (value - start[key]).detach()
            moved = (replica.strategy.get_parameter(key) - start[key]).detach()
            # Weights of 0.1 are stored to 1e-8: smaller differences are not those of the gradient.
            allowed = 1e-5 * expected.abs().max() + 2**-22 * value.detach().abs()
            assert bool(((moved - expected).abs() <= allowed).all()), key


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in TOGETHER))
def test_over_ten_seeds_the_means_agree_within_noise(name: str) -> None:
    scenario = f"split-digits:{kinds_of(name)[-1]},tasks=2"
    specs = [tiny_spec(scenario, name, seed, iterations=36) for seed in range(10)]
    team = team_for(specs)
    team.run()
    differences = []
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        differences.append(fmean(replica.outcome.rows[-1].accuracy) - fmean(alone.outcome.rows[-1].accuracy))
    assert abs(fmean(differences)) <= 3 * stdev(differences) / 10**0.5 + 1e-3


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "adam", "lr": 0.001, "weight_decay": 0.01},
        {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.1, "carry_optimizer": True},
        {"momentum": 0.9, "weight_decay": 0.01, "carry_optimizer": True},
        {"network": "cnn:channels=4,hidden=16"},
    ],
    ids=str,
)
def test_optimisers_and_networks_are_stacked_as_well(fields: dict[str, Any]) -> None:
    fields = {"iterations": 20, **fields}
    specs = [tiny_spec("split-digits:task,tasks=2", "naive", seed, **fields) for seed in range(SEEDS)]
    team = team_for(specs)
    team.run()
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica, steps=30)


@pytest.mark.parametrize(
    "fields",
    [{"policy": "ring", "per_class": 3}, {"policy": "class-balanced", "store": "end", "weighting": "tasks"}],
    ids=str,
)
def test_memories_whose_rows_hang_on_the_order_of_the_stream_go_together(fields: dict[str, Any]) -> None:
    specs = [tiny_spec("split-digits:class", "rehearsal", seed, iterations=40, **fields) for seed in range(SEEDS)]
    team = team_for(specs)
    team.run()
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica, steps=120)


def test_running_averages_are_stacked_as_well() -> None:
    """With normalisation over batches of ten a network is chaotic soon: only its first losses can be compared."""
    specs = [tiny_spec("split-digits:task", "naive", seed, lr=0.001, network="resnet18:channels=2") for seed in (0, 1)]
    team = team_for(specs)
    team.learn(0)
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.learn(0)
        assert_losses(replica, alone.replica, steps=10)
        own, expected = replica.strategy.state_dict(), alone.strategy.state_dict()
        for name in (name for name in expected if "running" in name or "tracked" in name):
            assert torch.allclose(own[name].float(), expected[name].float(), rtol=0.02, atol=0.02), name


@pytest.mark.parametrize("strategy", ["naive", "rehearsal", "hat"])
def test_each_has_a_schedule_of_its_own(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds stop after different numbers of passes; those that stop first wait, and are not touched meanwhile."""
    monkeypatch.setattr(Plateau, "LOWEST", 0.02)  # three drops of the rate, not eight
    fields = {"schedule": "plateau", "epochs": 60, "lr": 0.5, "batch_size": 64}
    specs = [tiny_spec("split-digits:task,tasks=2,validation=0.4", strategy, seed, **fields) for seed in range(SEEDS)]
    team = team_for(specs)
    team.run()
    steps = [[cost.steps for cost in replica.outcome.costs] for replica in team.replicas]
    assert len({tuple(each) for each in steps}) > 1, "they would have to stop at different times"
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica, steps=50)


def test_orders_alone_can_differ_and_so_can_class_orders() -> None:
    base = tiny_spec("split-digits:class", "naive", iterations=30)
    orders = [base.model_copy(update={"seeds": base.seeds.model_copy(update={"order": n})}) for n in range(SEEDS)]
    permuted = tiny_spec("permuted-digits:class,tasks=3", "naive", iterations=30)
    classes = [permuted.model_copy(update={"seeds": permuted.seeds.model_copy(update={"classes": n})}) for n in (1, 2)]
    for specs in (orders, classes):
        team = team_for(specs)
        team.run()
        for spec, replica in zip(specs, team.replicas, strict=True):
            alone = alone_for(spec)
            alone.run()
            assert_close(replica, alone.replica, steps=50)


@pytest.mark.parametrize(
    ("strategy", "hyperparameter", "values"),
    [("ewc", "strength", (0.0, 1.0, 100.0)), ("hat", "smax", (50.0, 400.0)), ("hat", "sparsity", (0.0, 0.75))],
)
def test_real_hyperparameters_can_differ(strategy: str, hyperparameter: str, values: tuple[float, ...]) -> None:
    specs = [tiny_spec("split-digits:task", strategy, iterations=60, **{hyperparameter: value}) for value in values]
    team = team_for(specs)
    team.run()
    found = []
    for spec, replica in zip(specs, team.replicas, strict=True):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica)
        found.append(losses(replica))
    assert found[0] != found[1]


def test_one_that_diverges_does_not_touch_the_others() -> None:
    specs = [
        tiny_spec("split-digits:domain", "ewc", strength=value, lr=0.1, iterations=40) for value in (1.0, 1e9, 2.0)
    ]
    team = team_for(specs)
    team.run()
    kept, lost, other = team.replicas
    assert isinstance(lost.error, Diverged)
    assert 1 <= len(lost.outcome.rows) < 6
    for spec, replica in ((specs[0], kept), (specs[2], other)):
        alone = alone_for(spec)
        alone.run()
        assert_close(replica, alone.replica)


def test_when_all_diverge_the_last_one_says_so() -> None:
    specs = [tiny_spec("split-digits:domain", "ewc", seed, strength=1e9, lr=0.5, iterations=40) for seed in range(2)]
    team = team_for(specs)
    with pytest.raises(Diverged, match="of task 2"):
        team.run()
    assert [len(replica.outcome.rows) for replica in team.replicas] == [2, 2]


def test_a_hook_that_breaks_for_one_ends_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [tiny_spec("split-digits:class", "rehearsal", seed, iterations=30) for seed in range(SEEDS)]
    team = team_for(specs)
    victim = team.replicas[0]

    def broken(batch: object) -> None:
        raise ValueError("no memory")

    team.learn(0)
    monkeypatch.setattr(victim.strategy, "prepare", broken)
    for index in range(1, 5):
        team.learn(index)
    assert str(victim.error) == "no memory"
    alone = alone_for(specs[1])
    for index in range(5):
        alone.learn(index)
    assert losses(team.replicas[1]) == pytest.approx(losses(alone.replica), abs=1e-3, rel=1e-3)


def test_what_cannot_be_stacked_is_refused() -> None:
    specs = [tiny_spec("split-digits:class", "rehearsal", memory=size) for size in (10, 20)]
    with pytest.raises(RequestError, match="real-valued hyper-parameters alone"):
        team_for(specs)
    specs = [tiny_spec("split-digits:class", "naive")]
    drawn = [specs[0].model_copy(update={"seeds": specs[0].seeds.model_copy(update={"classes": n})}) for n in (1, 2)]
    with pytest.raises(RequestError, match="tasks are of different sizes"):
        team_for(drawn)


def test_a_team_resumes_to_the_bytes_it_would_have_had() -> None:
    specs = [
        tiny_spec("split-digits:task", "hat", seed, iterations=60, network="mlp:24x16,dropout=0.2") for seed in (0, 1)
    ]
    taken: list[Checkpoint] = []
    whole = team_for(specs, keep=lambda checkpoint: taken.append(copy.deepcopy(checkpoint)), every=-1.0)
    whole.run()
    for checkpoint in (taken[0], taken[1], taken[4]):
        resumed = team_for(specs)
        resumed.run(checkpoint)
        for mine, other in zip(resumed.replicas, whole.replicas, strict=True):
            a, b = mine.strategy.state_dict(), other.strategy.state_dict()
            assert all(torch.equal(a[name], b[name]) for name in b)
            assert [row.accuracy for row in mine.outcome.rows] == [row.accuracy for row in other.outcome.rows]
