"""Forgetless as it is used: its trainer with hooks, divergence checks and reports; its run with record and all."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benches.timing import Measure
from benches.work import LR, Work
from benchmark.observers.observer import Observer, Step
from benchmark.replica import Replica
from benchmark.request import RunRequest
from benchmark.run import build_strategy, run
from benchmark.spec import RunSpec
from benchmark.trainer import Trainer
from strategies.networks.network import build_network
from strategies.strategy import bind_hyperparameters


class StepClock(Observer):
    """Notes when the trainer reports, which it does every so many steps."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, int]] = []

    def stepped(self, step: Step) -> None:
        self.reports.append((time.perf_counter(), step.step))

    def seconds_a_step(self) -> float:
        """From the first report to the last: what comes before the first, compilation say, is left out."""
        (start, before), (end, after) = self.reports[0], self.reports[-1]
        return (end - start) / (after - before)


def spec_for(work: Work, seed: int = 0, **fields: Any) -> RunSpec:
    """The specification of some work; further fields are those of `RunSpec`."""
    return RunSpec(
        scenario=work.scenario.name,
        strategy=work.strategy,
        hyperparameters=bind_hyperparameters(work.strategy, work.hyperparameters),
        network=work.network,
        batch_size=work.batch_size,
        seeds={"init": seed, "order": seed},
        **work.budget,
        **{"lr": LR, **fields},
    )


def trainer_for(work: Work, observer: Observer, *, compiled: bool = False, replicas: int = 1, **fields: Any) -> Trainer:
    """A trainer of one run, or of replicas with the seeds 0, 1, …, of which the first has the observer."""
    specs = [spec_for(work, seed, **fields) for seed in range(replicas)]
    observers = [observer, *(Observer() for _ in specs[1:])]
    made = [
        Replica(build_strategy(spec, work.scenario), work.scenario, spec, each)
        for spec, each in zip(specs, observers, strict=True)
    ]
    return Trainer(made, compiled=compiled)


def second_task(work: Work, *, compiled: bool = False, replicas: int = 1, **fields: Any) -> Measure:
    """A step of the second task, whose share each of the replicas has: penalties are active, and memories full.

    Raises:
        RuntimeError: where it was to be compiled and is not.
    """
    clock = StepClock()
    trainer = trainer_for(work, clock, compiled=compiled, replicas=replicas, **fields)
    trainer.learn(0)

    def measure() -> float:
        clock.reports.clear()
        trainer.learn(1)
        if trainer.stepper.compiled != compiled:
            raise RuntimeError(f"{work.strategy} with {work.network} was not compiled")
        return clock.seconds_a_step() / replicas

    return measure


def first_task(work: Work, **fields: Any) -> Measure:
    """All that it takes to learn the first task, without the evaluation."""
    learner = Learner(work, **fields)
    return lambda: learner.learn(0)


class Learner:
    """Learns one task after another, and shows the numbers it holds.

    Args:
        work: what to do.
        scale: what the first weights are multiplied with.
        fields: further ones of the specification.
    """

    def __init__(self, work: Work, scale: float = 1.0, **fields: Any) -> None:
        self.trainer = trainer_for(work, Observer(), **fields)
        self.strategy = self.trainer.replicas[0].strategy
        with torch.no_grad():
            for parameter in self.strategy.parameters():
                parameter.mul_(scale)

    def learn(self, index: int) -> float:
        """One task; what it took, without the evaluation, in seconds."""
        self.trainer.learn(index)
        return self.trainer.seconds

    def numbers(self) -> Tensor:
        """All that the strategy holds, weights first of all, in one vector."""
        state = self.strategy.state_dict().values()
        return torch.cat([tensor.flatten() for tensor in state if tensor.is_floating_point()])


def parameters(work: Work) -> int:
    """How many the network has."""
    return sum(each.numel() for each in build_network(work.network, work.scenario).parameters())


def whole_run(work: Work, folder: Path, **fields: Any) -> tuple[float, float]:
    """A run as `forgetless run` makes it, with checkpoints, record and predictions on disk: seconds, and the
    accuracy on the last task.
    """
    request = RunRequest(spec_for(work, **fields), folder)
    start = time.perf_counter()
    record = run(request)
    taken = time.perf_counter() - start
    return taken, record.accuracy[-1][-1]
