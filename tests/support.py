"""Tiny runs, for tests."""

import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmark.replica import Replica
from benchmark.run import build_strategy, load_scenario
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES
from strategies.strategy import alone_of, bind_hyperparameters, needs_of

KINDS = ("task", "domain", "class")


def tiny_spec(scenario: str, strategy: str, seed: int = 0, **fields: Any) -> RunSpec:
    """A run of a few steps a task; fields that name hyper-parameters of the strategy go there."""
    fields.setdefault("network", "mlp:24x16")
    fields.setdefault("batch_size", 10)
    # After a few steps the Fisher information is still large: EWC's penalty needs a smaller rate than usual.
    fields.setdefault("lr", 0.02)
    if "epochs" not in fields:
        fields.setdefault("iterations", 12)
    given = {name: fields.pop(name) for name in list(fields) if name not in RunSpec.model_fields}
    return RunSpec.checked(
        scenario=scenario_reference(scenario).text,
        strategy=strategy,
        hyperparameters=bind_hyperparameters(strategy, given),
        seeds={"init": seed, "order": seed},
        **fields,
    )


def replica_for(spec: RunSpec, scenario: Scenario | None = None) -> Replica:
    scenario = scenario or load_scenario(spec.scenario, spec.seeds.classes, None)
    return Replica(build_strategy(spec, scenario), scenario, spec)


class Alone(Trainer):
    """A trainer of one run."""

    def __init__(self, replica: Replica, **options: Any) -> None:
        super().__init__([replica], **options)
        self.replica = replica
        self.strategy, self.scenario, self.outcome = replica.strategy, replica.scenario, replica.outcome


def trainer_for(spec: RunSpec, scenario: Scenario | None = None, **options: Any) -> Alone:
    return Alone(replica_for(spec, scenario), **options)


def trained(scenario: str, strategy: str, seed: int = 0, **fields: Any) -> Alone:
    """A trainer that has run."""
    trainer = trainer_for(tiny_spec(scenario, strategy, seed, **fields))
    trainer.run()
    return trainer


def weights(trainer: Alone) -> Tensor:
    """The network's weights, in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in trainer.strategy.network.parameters()])


def matrix(trainer: Alone) -> list[list[float]]:
    return [row.accuracy for row in trainer.outcome.rows]


def reachable(root: object) -> Iterator[object]:
    """Everything that can be reached from an object by attributes, items and closures."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | types.ModuleType | str | int | float | torch.Generator):
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, Tensor):
            if value.grad is not None and value.is_leaf:
                seen.add(id(value.grad))
            continue
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += list(value)
        elif isinstance(value, types.MethodType):
            waiting += [value.__self__]
        elif isinstance(value, types.FunctionType):
            waiting += [cell.cell_contents for cell in value.__closure__ or ()]
        waiting += list(getattr(value, "__dict__", {}).values())


def kinds_of(strategy: str) -> list[str]:
    """The kinds of scenario a strategy does not refuse."""
    return ["task"] if "task at test time" in needs_of(strategy) else list(KINDS)


COMPOSED = ("rehearsal+ewc", "ewc+hat")
"""Compositions that stand for all in the contract tests."""

PAIRS = [(name, kind) for name in (*STRATEGIES.entries(), *COMPOSED) for kind in kinds_of(name)]
"""Every registered strategy with every kind it can learn."""

TOGETHER = [(name, kind) for name, kind in PAIRS if not alone_of(name)]
"""Those whose steps can be compiled, and taken together with those of other seeds."""
