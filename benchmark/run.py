"""One run, from its specification to its record on disk."""

import importlib
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.checkpoint import Checkpoint, remove_checkpoint
from benchmark.foreign import budget_of, check_foreign
from benchmark.interruption import Interruption, interruptible
from benchmark.keeping import Keeper, claimed, finished_but_for_its_checkpoint
from benchmark.measuring import Measuring
from benchmark.observers.observer import Observer, Observers
from benchmark.outcome import Outcome
from benchmark.predictions import write_predictions
from benchmark.randomness import global_seed
from benchmark.record import Environment, RunRecord, TaskFacts, TeamMember
from benchmark.replica import Replica
from benchmark.request import RunRequest
from benchmark.resuming import Ended
from benchmark.spec import MEMORY, RunSpec, Scalar
from benchmark.team import check_team, varied, worth_compiling
from benchmark.threads import cores
from benchmark.trainer import Diverged, Trainer
from scenarios.errors import RequestError
from scenarios.registry import load_plugin, source_digest
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES
from strategies.foreign import ForeignStrategy
from strategies.networks.network import build_network
from strategies.strategy import Strategy, check_needs


@lru_cache(maxsize=2)
def load_scenario(reference: str, seed: int | None, data: Path | None, trial: int | None = None) -> Scenario:
    """The scenario of a reference, built once for the runs that follow each other on it.

    Args:
        reference: canonical.
        seed: of the order of classes and the like; None for the canonical one.
        data: where to look for data sets first.
        trial: where it is a trial of the tuner's, of how many first tasks (see `Scenario.trial`).

    Raises:
        RequestError: where it cannot be built, or has no such trial.
    """
    scenario = scenario_reference(reference).build(seed, data)
    return scenario if trial is None else scenario.trial(trial)


def build_strategy(spec: RunSpec, scenario: Scenario) -> Strategy:
    """A network and the strategy around it, freshly made under the run's initialisation seed.

    The network is made first, so that with one seed all strategies start from the same weights.

    Raises:
        RequestError: where it cannot be made, or its budget has no room for what it remembers.
    """

    def make(**instead: Scalar) -> Strategy:
        with global_seed(device, "init", spec.seeds.init):
            network = build_network(spec.network, scenario)
            strategy = STRATEGIES.get(spec.strategy)(network, **{**spec.hyperparameters, **instead}).to(device)
            if isinstance(strategy, ForeignStrategy):
                strategy.try_out(budget_of(spec, scenario))
            return strategy

    device = torch.device(spec.device)
    if spec.memory_budget is None:
        return make()
    if MEMORY not in spec.hyperparameters:
        strategy = make()
        room_left(spec, strategy, scenario)
        return strategy
    empty = make(**{MEMORY: 0})
    x, _ = scenario.tasks[0].training.batch(torch.zeros(1, dtype=torch.long))
    examples = room_left(spec, empty, scenario) // empty.example_bytes(x[0])
    return make(**{MEMORY: empty.memory_for(examples, len(scenario.tasks))})


def room_left(spec: RunSpec, strategy: Strategy, scenario: Scenario) -> int:
    """Bytes of a run's budget that a strategy, empty as it is, leaves for examples.

    Raises:
        RequestError: where it needs more than there is.
    """
    assert spec.memory_budget is not None
    sets = sum(len(task.classes) for task in scenario.tasks)
    needed = strategy.bytes_remembered() + strategy.growth(len(scenario.tasks), sets)
    if needed > spec.memory_budget:
        raise RequestError(
            f"{spec.strategy} with {spec.network} remembers {needed:,} bytes besides examples: "
            f"--memory {spec.memory_budget:,} has no room for them"
        )
    return spec.memory_budget - needed


def check(spec: RunSpec, scenario: Scenario) -> None:
    """Make sure that a run can begin.

    Raises:
        RequestError: where the strategy cannot have what it needs, or the schedule nothing to watch.
    """
    check_needs(spec.strategy, scenario, spec.hyperparameters, carry_optimizer=spec.carry_optimizer)
    check_passes(spec, scenario)
    check_foreign(spec)
    if spec.schedule == "plateau" and not all(len(task.validation) for task in scenario.tasks):
        raise RequestError(
            f"{spec.scenario} has no validation examples for the plateau schedule to watch: "
            "give it a share, as validation=0.1"
        )


def check_passes(spec: RunSpec, scenario: Scenario) -> None:
    """Make sure that the budget passes over examples no more often than the scenario lets it.

    Raises:
        RequestError: where it would.
    """
    if scenario.passes is None:
        return
    fewest = min(math.ceil(len(task.training) / spec.batch_size) for task in scenario.tasks)
    if (spec.epochs or 0) > scenario.passes or (spec.iterations or 0) > fewest * scenario.passes:
        budget = f"--epochs {spec.epochs}" if spec.epochs else f"--iterations {spec.iterations}"
        raise RequestError(
            f"{spec.scenario} shows every example {'once' if scenario.passes == 1 else f'{scenario.passes} times'}: "
            f"{budget} is more than that; --epochs {scenario.passes} is all there is"
        )


def threads_of(spec: RunSpec) -> int:
    """How many threads a run uses: those it asks for, or all cores where there are fewer."""
    return min(spec.threads, cores())


def run(request: RunRequest, observers: Sequence[Observer] = (), scenario: Scenario | None = None) -> RunRecord:
    """Make a run and write its record, as `run_team` does; a scenario made in Python is given with it."""
    return run_team([request], [observers], [scenario] if scenario else None)[0]


def run_team(
    requests: Sequence[RunRequest],
    observers: Sequence[Sequence[Observer]],
    scenarios: Sequence[Scenario] | None = None,
) -> list[RunRecord]:
    """Make runs that train at once, most often only one, and write their records.

    A run that diverges or fails has a record as well.

    Args:
        requests: runs of one team (see `benchmark.team`), or a single one.
        observers: those of each are told what happens.
        scenarios: of each, where they are at hand; they are loaded otherwise.

    Raises:
        RequestError: where a request cannot be carried out as made; nothing is written then.
        KeyboardInterrupt: where they were interrupted; a checkpoint is in their folder.
    """
    first, specs = requests[0], [request.spec for request in requests]
    for plugin in first.plugins:
        load_plugin(plugin)
    torch.set_num_threads(threads_of(first.spec))
    if scenarios is None:
        scenarios = [load_scenario(spec.scenario, spec.seeds.classes, first.data, spec.trial) for spec in specs]
    for spec, scenario in zip(specs, scenarios, strict=True):
        check(spec, scenario)
    check_team(specs, scenarios)
    with claimed(first.home), interruptible() as interruption:
        keeper = Keeper(requests, scenarios)
        records = finished_but_for_its_checkpoint(requests, scenarios) if first.resume else None
        checkpoint = keeper.resumed() if first.resume and records is None else None
        making = [_Making(*each) for each in zip(requests, scenarios, map(Observers, observers), strict=True)]
        if records is None:
            records = _made(making, keeper, checkpoint, interruption)
        if all(record.status != "failed" for record in records):
            remove_checkpoint(first.home)
            if first.team is not None:
                with suppress(OSError):
                    first.team.rmdir()
        for each, record in zip(making, records, strict=True):
            each.observer.run_ended(record)
        return records


def _made(
    making: Sequence["_Making"], keeper: Keeper, checkpoint: Checkpoint | None, interruption: Interruption
) -> list[RunRecord]:
    """Train what is being made, from a checkpoint if there is one, and write the records."""
    specs = [each.spec for each in making]
    error: Exception | None = None
    compiled = worth_compiling(specs, making[0].scenario)
    if compiled or len(specs) > 1:  # the compiler takes seconds to import: they are not the first task's
        importlib.import_module("torch._dynamo")
    try:
        replicas = [each.replica(checkpoint, place) for place, each in enumerate(making)]
        trainer = Trainer(
            replicas,
            compiled=compiled,
            varied=varied(specs),
            keep=partial(keeper.keep, [each.measuring for each in making if each.measuring]),
            every=making[0].request.checkpoint_every,
            interruption=interruption,
        )
        trainer.run(checkpoint)
        compiled = trainer.stepper.compiled
    except Exception as found:
        error = found
    records = [each.record(error, compiled=compiled, team=specs) for each in making]
    for each, record in zip(making, records, strict=True):
        each.write(record)
    return records


class _Making:
    """A run that is being made."""

    def __init__(self, request: RunRequest, scenario: Scenario, observer: Observer) -> None:
        self.request = request
        self.spec = request.spec
        self.scenario = scenario
        self.observer = observer
        self.measuring: Measuring | None = None
        self.made: Replica | None = None
        observer.run_started(self.spec, [task.name for task in scenario.tasks])

    def replica(self, checkpoint: Checkpoint | None, place: int) -> Replica:
        """The strategy, ready for the trainer; what was measured before a checkpoint is taken on."""
        strategy = build_strategy(self.spec, self.scenario)
        self.measuring = Measuring(self.spec, strategy, self.scenario)
        if checkpoint is not None:
            self.measuring.restore(checkpoint.facts["cells"][place])
        self.made = Replica(strategy, self.scenario, self.spec, self.observer, self.measuring.after)
        return self.made

    def record(self, error: Exception | None, *, compiled: bool, team: Sequence[RunSpec]) -> RunRecord:
        """How it ended.

        Args:
            error: what ended the runs of the team that nothing had ended before.
            compiled: whether its steps were.
            team: the specifications of all.
        """
        mine = self.made.error if self.made is not None and self.made.error is not None else error
        status, reason = "completed", None
        if mine is not None:
            name = mine.name if isinstance(mine, Ended) else type(mine).__name__
            words = " ".join(str(mine).split())
            status = "diverged" if name == Diverged.__name__ else "failed"
            for_people = name in (Diverged.__name__, RequestError.__name__)
            reason = words if for_people and words else f"{name}: {words or 'no message'}"
        outcome = self.made.outcome if self.made else Outcome()
        environment = _environment(self.spec, compiled=compiled, team=team)
        return _record(self.spec, self.scenario, status, reason, outcome, self.measuring, environment)

    def write(self, record: RunRecord) -> None:
        """Put record and predictions into the run's folder."""
        folder = self.request.folder
        try:
            if self.made and self.made.outcome.rows:
                write_predictions(folder, _labels(self.scenario), self.made.outcome)
            record.write(folder / "record.json")
        except OSError as error:
            raise RequestError(f"{folder}: the record cannot be written: {error.strerror or error}") from None


def failed_record(request: RunRequest, reason: str) -> RunRecord:
    """The record of a run that cannot tell itself how it ended. It is not written."""
    spec = request.spec
    scenario = load_scenario(spec.scenario, spec.seeds.classes, request.data, spec.trial)
    return _record(spec, scenario, "failed", reason, Outcome(), None, _environment(spec))


def _record(
    spec: RunSpec,
    scenario: Scenario,
    status: str,
    reason: str | None,
    outcome: Outcome,
    measuring: Measuring | None,
    environment: Environment,
) -> RunRecord:
    masks = scenario.masks(len(scenario.tasks) - 1)
    leaked = scenario.leaked or [None] * len(scenario.tasks)
    facts = tuple(
        TaskFacts(
            name=task.name,
            classes=tuple(str(name) for name in task.original_classes),
            outputs=task.classes,
            training=len(task.training),
            validation=len(task.validation),
            test=len(test),
            chance=1 / int(masks[task.index].sum()),
            returns=None if task.returns is None else task.returns + 1,
            leaked=count,
        )
        for task, test, count in zip(scenario.tasks, scenario.test, leaked, strict=True)
    )
    fields = {
        "status": status,
        "reason": reason,
        "spec": spec,
        "protocol": spec.protocol,
        "scenario_digest": scenario.digest,
        "strategy_digest": source_digest(STRATEGIES.get(spec.strategy)),
        "kind": scenario.kind,
        "active": scenario.active,
        "tasks": facts,
        "accuracy": [row.accuracy for row in outcome.rows],
        "anytime": outcome.anytime,
        "properties": measuring.results() if measuring else {},
        "costs": outcome.costs,
        "environment": environment,
    }
    return RunRecord.with_metrics(fields)


def _labels(scenario: Scenario) -> list[NDArray[np.int64]]:
    """The labels of the test examples of each task."""
    return [examples.labels().numpy() for examples in scenario.test]


def _environment(spec: RunSpec, *, compiled: bool = False, team: Sequence[RunSpec] = ()) -> Environment:
    return Environment(
        step="compiled" if compiled else "eager",
        team=tuple(TeamMember(seeds=one.seeds, hyperparameters=one.hyperparameters) for one in team if one.replicas),
        python=platform.python_version(),
        torch=torch.__version__,
        platform=platform.platform(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(spec.device) if spec.device.startswith("cuda") else spec.device,
        forgetless=version("forgetless"),
        commit=_commit(),
    )


@lru_cache(maxsize=1)
def _commit() -> str | None:
    """The commit of this very source, where it is run from a checkout; "+" after it means: with changes."""
    home = Path(__file__).resolve().parent.parent
    if not (home / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "-C", str(home), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
