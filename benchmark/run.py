"""One run, from its specification to its record on disk."""

import importlib
import os
import platform
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmark.checkpoint import remove_checkpoint
from benchmark.interruption import interruptible
from benchmark.keeping import Keeper, claimed, resumable
from benchmark.measuring import Measuring
from benchmark.observers.observer import Observer, Observers
from benchmark.predictions import Predictions
from benchmark.randomness import global_seed
from benchmark.record import Environment, RunRecord, TaskFacts
from benchmark.request import RunRequest
from benchmark.spec import RunSpec
from benchmark.trainer import Diverged, Outcome, Trainer
from scenarios.errors import RequestError
from scenarios.registry import load_plugin, source_digest
from scenarios.scenario import scenario_reference
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES
from strategies.networks.network import build_network
from strategies.strategy import Strategy, check_needs


@lru_cache(maxsize=2)
def load_scenario(reference: str, seed: int | None, data: Path | None) -> Scenario:
    """The scenario of a reference, built once for the runs that follow each other on it."""
    return scenario_reference(reference).build(seed, data)


def build_strategy(spec: RunSpec, scenario: Scenario) -> Strategy:
    """A network and the strategy around it, freshly made under the run's initialisation seed.

    The network is made first, so that with one seed all strategies start from the same weights.
    """
    device = torch.device(spec.device)
    with global_seed(device, "init", spec.seeds.init):
        network = build_network(spec.network, scenario)
        return STRATEGIES.get(spec.strategy)(network, **spec.hyperparameters).to(device)


def check(spec: RunSpec, scenario: Scenario) -> None:
    """Make sure that a run can begin.

    Raises:
        RequestError: where the strategy cannot have what it needs, or the schedule nothing to watch.
    """
    check_needs(spec.strategy, scenario.kind, spec.scenario, carry_optimizer=spec.carry_optimizer)
    if spec.schedule == "plateau" and not all(len(task.validation) for task in scenario.tasks):
        raise RequestError(
            f"{spec.scenario} has no validation examples for the plateau schedule to watch: "
            "give it a share, as validation=0.1"
        )


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of(spec: RunSpec) -> int:
    """How many threads a run uses: those it asks for, or all cores where there are fewer."""
    return min(spec.threads, cores())


def run(request: RunRequest, observers: Sequence[Observer] = (), scenario: Scenario | None = None) -> RunRecord:
    """Make a run and write its record; a run that diverges or fails has a record as well.

    Args:
        request: what to run.
        observers: are told what happens.
        scenario: the request's, where it is at hand; it is loaded otherwise.

    Raises:
        RequestError: where the request cannot be carried out as made; nothing is written then.
        KeyboardInterrupt: where it was interrupted; a checkpoint is in its folder.
    """
    spec = request.spec
    for plugin in request.plugins:
        load_plugin(plugin)
    # The first optimiser of a process imports this, which takes seconds: they are not the first task's.
    importlib.import_module("torch._dynamo")
    torch.set_num_threads(threads_of(spec))
    if scenario is None:
        scenario = load_scenario(spec.scenario, spec.seeds.classes, request.data)
    check(spec, scenario)
    with claimed(request.folder), interruptible() as interruption:
        checkpoint = resumable(request, scenario) if request.resume else None
        observer = Observers(observers)
        observer.run_started(spec, [task.name for task in scenario.tasks])
        outcome, reason, status = Outcome(), None, "completed"
        measuring: Measuring | None = None
        try:
            strategy = build_strategy(spec, scenario)
            measuring = Measuring(spec.properties, strategy, scenario, torch.device(spec.device))
            keeper = Keeper(request, scenario, measuring)
            trainer = Trainer(
                strategy,
                scenario,
                spec,
                observer,
                measuring.after,
                keeper.keep,
                request.checkpoint_every,
                interruption,
            )
            outcome = trainer.outcome
            if checkpoint is not None:
                measuring.restore(checkpoint.facts["cells"])
            trainer.run(checkpoint)
        except Diverged as error:
            status, reason = "diverged", str(error)
        except Exception as error:
            status, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
        record = _record(spec, scenario, status, reason, outcome, measuring)
        try:
            if outcome.rows:
                _predictions(scenario, outcome).write(request.folder)
            record.write(request.folder / "record.json")
        except OSError as error:
            raise RequestError(f"{request.folder}: the record cannot be written: {error.strerror or error}") from None
        if status != "failed":
            remove_checkpoint(request.folder)
        observer.run_ended(record)
        return record


def failed_record(request: RunRequest, reason: str, scenario: Scenario | None = None) -> RunRecord:
    """The record of a run that cannot tell itself how it ended. It is not written."""
    spec = request.spec
    if scenario is None:
        scenario = load_scenario(spec.scenario, spec.seeds.classes, request.data)
    return _record(spec, scenario, "failed", reason, Outcome(), None)


def _record(
    spec: RunSpec,
    scenario: Scenario,
    status: str,
    reason: str | None,
    outcome: Outcome,
    measuring: Measuring | None,
) -> RunRecord:
    masks = scenario.masks(len(scenario.tasks) - 1)
    facts = tuple(
        TaskFacts(
            name=task.name,
            classes=tuple(str(name) for name in task.original_classes),
            outputs=task.classes,
            training=len(task.training),
            validation=len(task.validation),
            test=len(test),
            chance=1 / int(masks[task.index].sum()),
        )
        for task, test in zip(scenario.tasks, scenario.test, strict=True)
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
        "environment": _environment(spec),
    }
    return RunRecord.with_metrics(fields)


def _predictions(scenario: Scenario, outcome: Outcome) -> Predictions:
    everything = [examples.batch(torch.arange(len(examples)))[1] for examples in scenario.test]
    return Predictions(
        predicted=np.stack([row.predicted for row in outcome.rows]),
        confidence=np.stack([row.confidence for row in outcome.rows]),
        label=torch.cat(everything).numpy().astype(np.int16),
        task=np.repeat(np.arange(len(everything), dtype=np.int16), [len(y) for y in everything]),
    )


def _environment(spec: RunSpec) -> Environment:
    return Environment(
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
