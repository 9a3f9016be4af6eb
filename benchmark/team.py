"""Runs that train at once: which can, and whether their steps are worth compiling."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.task import Scenario
from strategies.strategy import alone_of

MANY_STEPS = 100_000
"""A run alone is compiled from so many steps on: each saves some 0.1 ms, and compiling takes about ten seconds."""

MANY_TEAM_STEPS = 1_000
"""A team is compiled from so many steps on: a step of replicas uncompiled takes several milliseconds."""


def worth_compiling(specs: Sequence[RunSpec], scenario: Scenario) -> bool:
    """Whether the steps of a run, or of a team, are to be compiled: a matter of its specification alone."""
    spec = specs[0]
    if alone_of(spec.strategy):
        return False
    if spec.compile != "auto":
        return spec.compile == "on"
    passes = [math.ceil(len(task.training) / spec.batch_size) for task in scenario.tasks]
    steps = spec.iterations * len(passes) if spec.iterations else sum(passes) * (spec.epochs or 0)
    return steps >= (MANY_STEPS if len(specs) == 1 else MANY_TEAM_STEPS)


def varied(specs: Sequence[RunSpec]) -> dict[str, Tensor]:
    """The hyper-parameters in which the runs of a team differ, [replicas] each, on their device."""
    first = specs[0].hyperparameters
    names = [name for name in first if any(spec.hyperparameters[name] != first[name] for spec in specs)]
    return {
        name: torch.tensor([float(spec.hyperparameters[name] or 0) for spec in specs], device=specs[0].device)
        for name in names
    }


def team_key(spec: RunSpec) -> str:
    """What runs of one team have in common: everything but seeds and real-valued hyper-parameters."""
    fields = spec.model_dump(mode="json", exclude={"seeds"})
    own = {name: None if type(value) is float else value for name, value in spec.hyperparameters.items()}
    return repr({**fields, "hyperparameters": own})


def check_team(specs: Sequence[RunSpec], scenarios: Sequence[Scenario]) -> None:
    """Make sure that runs can train at once.

    Raises:
        RequestError: where they differ in more than seeds and real-valued hyper-parameters, or their tasks in
            shape.
    """
    if len({team_key(spec) for spec in specs}) > 1:
        raise RequestError("replicas can differ in seeds and in real-valued hyper-parameters alone")
    shapes = [
        [(task.classes, len(task.training), len(task.validation)) for task in scenario.tasks] for scenario in scenarios
    ]
    if any(shape != shapes[0] for shape in shapes):
        raise RequestError(
            f"{specs[0].scenario}: with these seeds the tasks are of different sizes, and replicas need the same: "
            "keep the order of classes (--class-order canonical), or leave out --replicas"
        )
