"""What the trainer does for a strategy that owns its training loop: hand it a task, and count its steps."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmark.replica import Replica
from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES
from strategies.foreign import Budget, ForeignStrategy
from strategies.strategy import Work

if TYPE_CHECKING:
    from benchmark.trainer import Trainer

REPORT = 50
"""After so many steps their losses are looked at."""


def is_foreign(spec: RunSpec) -> bool:
    """Whether a run's strategy owns its loop."""
    kind = STRATEGIES.get(spec.strategy)
    return isinstance(kind, type) and issubclass(kind, ForeignStrategy)


def check_foreign(spec: RunSpec) -> None:
    """Refuse what a strategy that owns its loop cannot do.

    Raises:
        RequestError: where it is asked for.
    """
    if not is_foreign(spec):
        return
    if spec.schedule != "constant":
        raise RequestError(f"{spec.strategy} owns its training loop: --schedule {spec.schedule} cannot be had with it")
    if spec.evaluate_every:
        raise RequestError(f"{spec.strategy} owns its training loop: --evaluate-every cannot be had with it")


def budget_of(spec: RunSpec, scenario: Scenario) -> Budget:
    """The part of a specification that such a strategy is given."""
    return Budget(
        epochs=spec.epochs,
        iterations=spec.iterations,
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        lr=spec.lr,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        carry_optimizer=spec.carry_optimizer,
        device=torch.device(spec.device),
        told=scenario.kind == "task",
        input_shape=scenario.input_shape,
    )


def hand_over(trainer: "Trainer", replica: Replica, index: int) -> None:
    """Let a strategy learn a task, with an eye on its losses and on whoever wants it to stop.

    Raises:
        Diverged: where a loss is not finite.
        KeyboardInterrupt: where the run is interrupted.
    """
    task, spec = replica.scenario.tasks[index], replica.spec
    strategy = replica.strategy
    assert isinstance(strategy, ForeignStrategy)
    expected = spec.iterations or math.ceil(len(task.training) / spec.batch_size) * (spec.epochs or 0)
    losses: list[Tensor] = []

    def stepped(loss: Tensor) -> None:
        losses.append(loss)
        if len(losses) == REPORT or trainer.interruption.asked:
            trainer.report(index, losses, Work(), expected)
            trainer.save_if_due()

    with trainer.clock():
        strategy.learn(task, budget_of(spec, replica.scenario), stepped)
        trainer.report(index, losses, Work(), expected)
