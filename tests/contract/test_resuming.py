"""A run that goes on from a checkpoint is the run that was never interrupted, for every strategy."""

import copy
from typing import Any

import pytest
import torch
from support import PAIRS, Alone, matrix, tiny_spec, trainer_for

from benchmark.checkpoint import Checkpoint
from benchmark.spec import RunSpec


def checkpoints(spec: RunSpec) -> tuple[Alone, list[Checkpoint]]:
    """A run, and every checkpoint it could have left: after each task, and within tasks at each look at the losses."""
    taken: list[Checkpoint] = []
    trainer = trainer_for(spec)
    trainer.keep, trainer.every = lambda checkpoint: taken.append(copy.deepcopy(checkpoint)), -1.0
    trainer.run()
    return trainer, taken


def assert_same(resumed: Alone, whole: Alone) -> None:
    mine, other = resumed.strategy.state_dict(), whole.strategy.state_dict()
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[name], other[name]) for name in mine)
    assert matrix(resumed) == matrix(whole)
    assert resumed.outcome.anytime == whole.outcome.anytime
    for a, b in zip(resumed.outcome.rows, whole.outcome.rows, strict=True):
        assert a.predicted.tobytes() == b.predicted.tobytes()
        assert a.confidence.tobytes() == b.confidence.tobytes()
    for a, b in zip(resumed.outcome.costs, whole.outcome.costs, strict=True):
        assert a.model_dump(exclude={"seconds"}) == b.model_dump(exclude={"seconds"})
    assert torch.equal(resumed.strategy.generator.get_state(), whole.strategy.generator.get_state())
    assert resumed.replica.total_steps == whole.replica.total_steps


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_it_goes_on_to_the_same_bytes_from_anywhere(name: str, kind: str) -> None:
    spec = tiny_spec(f"split-digits:{kind}", name, iterations=14, evaluate_every=4, network="mlp:24x16,dropout=0.2")
    whole, taken = checkpoints(spec)
    within = [checkpoint for checkpoint in taken if checkpoint.facts["position"]["begun"]]
    between = [checkpoint for checkpoint in taken if not checkpoint.facts["position"]["begun"]]
    assert within
    assert len(between) == 5
    for checkpoint in [*within[1::5], between[1]]:
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        assert_same(resumed, whole)


@pytest.mark.parametrize(
    "fields", [{"policy": "ring", "per_class": 7}, {"policy": "class-balanced", "memory": 31}], ids=str
)
@pytest.mark.parametrize("store", ["stream", "end"])
def test_every_policy_of_a_memory_goes_on(fields: dict[str, Any], store: str) -> None:
    spec = tiny_spec("split-digits:domain", "rehearsal", iterations=14, evaluate_every=4, store=store, **fields)
    whole, taken = checkpoints(spec)
    for checkpoint in taken[1::4]:
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        assert_same(resumed, whole)


@pytest.mark.parametrize("evaluate", ["seen", "sample=1"])
def test_it_goes_on_with_the_same_sample(evaluate: str) -> None:
    spec = tiny_spec("split-digits:domain", "rehearsal", iterations=14, evaluate_every=4, evaluate=evaluate)
    whole, taken = checkpoints(spec)
    for checkpoint in taken[1::4]:
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        assert_same(resumed, whole)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "adam", "lr": 0.001},
        {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.1, "carry_optimizer": True},
        {"momentum": 0.9},
        {"momentum": 0.9, "carry_optimizer": True},
        {"schedule": "plateau", "epochs": 9, "lr": 0.5},
        {"network": "resnet18:channels=2"},
    ],
    ids=str,
)
def test_optimisers_and_schedules_go_on_as_well(fields: dict[str, Any]) -> None:
    if "epochs" not in fields:
        fields = {**fields, "iterations": 9}
    spec = tiny_spec("split-digits:task,tasks=2,validation=0.2", "naive", evaluate_every=3, **fields)
    whole, taken = checkpoints(spec)
    for checkpoint in taken[:: max(1, len(taken) // 6)]:
        resumed = trainer_for(spec)
        resumed.run(checkpoint)
        assert_same(resumed, whole)
