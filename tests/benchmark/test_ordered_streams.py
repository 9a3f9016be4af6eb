"""Streams with an order of their own are trained on in that order, alone, in a team, and after an interruption."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from support import Alone, matrix, replica_for, tiny_spec, trainer_for, weights
from torch import Tensor

from benchmark.checkpoint import Checkpoint
from benchmark.feeding import Feed
from benchmark.replica import Replica
from benchmark.run import load_scenario
from benchmark.spec import RunSpec
from benchmark.team import varied
from benchmark.trainer import Trainer
from scenarios.examples import Examples, TensorExamples

CPU = torch.device("cpu")


def stream(size: int, *, ordered: bool, first: int = 0) -> Examples:
    """Examples that are told apart by their labels, which count from `first`."""
    y = torch.arange(first, first + size)
    examples = TensorExamples(y.float().unsqueeze(1), y, 0)
    examples.ordered = ordered
    return examples


def replicas(number: int) -> list[Replica]:
    return [replica_for(tiny_spec("split-digits:task", "naive", seed)) for seed in range(number)]


def fed(team: list[Replica], shares: list[Examples], done: int = 0) -> list[Tensor]:
    """The labels of each batch of a pass."""
    feed = Feed(team, 10, CPU)
    return [y for _, y, _ in feed.batches(dict(zip(map(id, team), shares, strict=True)), done)]


def test_an_ordered_stream_comes_in_its_order_and_draws_no_number() -> None:
    (replica,) = replicas(1)
    before = replica.order.get_state()
    assert torch.cat(fed([replica], [stream(25, ordered=True)])).tolist() == list(range(25))
    assert torch.equal(replica.order.get_state(), before)
    mixed = torch.cat(fed([replica], [stream(25, ordered=False)])).tolist()
    assert sorted(mixed) == list(range(25)) != mixed


@pytest.mark.parametrize("done", [1, 2, 3])
def test_from_the_middle_it_goes_on_where_it_was(done: int) -> None:
    (replica,) = replicas(1)
    rest = fed([replica], [stream(25, ordered=True)], done)
    assert [number for y in rest for number in y.tolist()] == list(range(10 * done, 25))


@pytest.mark.parametrize("done", [0, 1])
def test_replicas_with_seeds_of_their_own_see_one_stream_in_one_order(done: int) -> None:
    team, examples = replicas(3), stream(25, ordered=True)
    batches = fed(team, [examples] * 3, done)
    assert [tuple(y.shape) for y in batches] == [(3, 10), (3, 10), (3, 5)][done:]
    assert all(torch.equal(row, torch.arange(10 * done, 25)) for row in torch.cat(batches, 1))


@pytest.mark.parametrize("done", [0, 1])
def test_replicas_with_streams_of_their_own_each_see_theirs_in_order(done: int) -> None:
    team = replicas(2)
    batches = fed(team, [stream(25, ordered=True), stream(25, ordered=True, first=100)], done)
    first, second = torch.cat(batches, 1).tolist()
    assert first == list(range(10 * done, 25))
    assert second == list(range(100 + 10 * done, 125))


def run_with_checkpoints(spec: RunSpec) -> tuple[Alone, list[Checkpoint]]:
    taken: list[Checkpoint] = []
    trainer = trainer_for(spec)
    trainer.keep, trainer.every = lambda checkpoint: taken.append(copy.deepcopy(checkpoint)), -1.0
    trainer.run()
    return trainer, taken


@pytest.mark.parametrize(
    ("strategy", "fields"), [("naive", {"momentum": 0.9}), ("rehearsal", {"optimizer": "adam", "lr": 0.001})]
)
@pytest.mark.parametrize("scenario", ["drift-digits:domain,tasks=3", "online-digits:class", "blurry-digits:class"])
def test_an_interrupted_stream_goes_on_to_the_same_bytes(scenario: str, strategy: str, fields: dict[str, Any]) -> None:
    """From the middle of a pass, and from between two stretches, over which the optimiser's state is carried."""
    spec = tiny_spec(scenario, strategy, epochs=1, evaluate_every=7, **fields)
    whole, taken = run_with_checkpoints(spec)
    within = [checkpoint for checkpoint in taken if checkpoint.facts["position"]["step"]]
    between = [checkpoint for checkpoint in taken if not checkpoint.facts["position"]["begun"]]
    for checkpoint in (within[0], within[-1], between[0]):
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        assert torch.equal(weights(resumed), weights(whole))
        assert matrix(resumed) == matrix(whole)
        assert resumed.outcome.anytime == whole.outcome.anytime


def test_the_state_of_the_optimiser_crosses_from_stretch_to_stretch() -> None:
    """So three stretches of a batch each are as one of three batches; with boundaries they would not be."""
    found = []
    for tasks, boundaries in ((1, False), (3, False), (3, True)):
        spec = tiny_spec(f"drift-digits:tasks={tasks}", "naive", epochs=1, momentum=0.9, batch_size=433)
        scenario = replace(load_scenario(spec.scenario, None, None), boundaries=boundaries)
        assert [len(task.training) for task in scenario.tasks] == [1299 // tasks] * tasks
        trainer = trainer_for(spec, scenario)
        trainer.run()
        found.append(weights(trainer))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


def test_replicas_of_a_drifting_stream_are_the_runs_alone_up_to_rounding() -> None:
    specs = [tiny_spec("drift-digits:domain,tasks=2", "naive", seed, epochs=1) for seed in range(2)]
    team = [replica_for(spec) for spec in specs]
    Trainer(team, varied=varied(specs)).run()
    for spec, replica in zip(specs, team, strict=True):
        alone = trainer_for(spec)
        alone.run()
        mine = torch.cat([parameter.detach().flatten() for parameter in replica.strategy.network.parameters()])
        assert torch.allclose(mine, weights(alone), atol=1e-4)
