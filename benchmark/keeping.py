"""A run's folder: claimed by one process, holding its checkpoint until the record is there."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.checkpoint import Checkpoint, read_checkpoint
from benchmark.measuring import Measuring
from benchmark.record import RunRecord, read_record
from benchmark.request import RunRequest
from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.registry import source_digest
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES


class Keeper:
    """Writes checkpoints that say which run they are of. Where it cannot, it says so once, and the run goes on."""

    def __init__(self, request: RunRequest, scenario: Scenario, measuring: Measuring) -> None:
        self.request = request
        self.measuring = measuring
        self.broken = False
        self.facts = {
            "spec": request.spec.model_dump(mode="json"),
            "plugins": list(request.plugins),
            "data": str(request.data) if request.data else None,
            "track": request.track,
            "scenario_digest": scenario.digest,
            "strategy_digest": source_digest(STRATEGIES.get(request.spec.strategy)),
        }

    def keep(self, checkpoint: Checkpoint) -> None:
        facts = {**self.facts, **checkpoint.facts, "cells": self.measuring.facts()}
        try:
            Checkpoint(checkpoint.tensors, facts).write(self.request.folder)
        except OSError as error:
            if not self.broken:
                reason = error.strerror or error
                print(f"{self.request.folder}: a checkpoint cannot be written: {reason}", file=sys.stderr)
            self.broken = True


def interrupted_run(folder: Path) -> RunRequest:
    """The request that goes on with the run whose checkpoint is in a folder.

    Raises:
        RequestError: where there is no checkpoint, or it cannot be read.
    """
    facts = read_checkpoint(folder).facts
    return RunRequest(
        spec=RunSpec.checked(**facts["spec"]),
        folder=folder,
        plugins=tuple(facts["plugins"]),
        data=Path(facts["data"]) if facts["data"] else None,
        track=facts["track"],
        resume=True,
    )


def resumable(request: RunRequest, scenario: Scenario) -> Checkpoint:
    """The checkpoint in the request's folder, made sure to be of the same data and the same strategy.

    Raises:
        RequestError: where either has changed since, or there is no checkpoint.
    """
    checkpoint = read_checkpoint(request.folder)
    if checkpoint.facts["scenario_digest"] != scenario.digest:
        raise RequestError(f"{request.folder}: the data of {scenario.name} has changed since it began: run it anew")
    if checkpoint.facts["strategy_digest"] != source_digest(STRATEGIES.get(request.spec.strategy)):
        raise RequestError(
            f"{request.folder}: the source of {request.spec.strategy} has changed since it began: run it anew"
        )
    return checkpoint


def finished(request: RunRequest, scenario: Scenario) -> RunRecord | None:
    """The record in the request's folder, where it is a result of this very run, data and strategy included."""
    try:
        record = read_record(request.folder)
    except RequestError:
        return None
    same = (
        record.spec == request.spec
        and record.scenario_digest == scenario.digest
        and record.strategy_digest == source_digest(STRATEGIES.get(request.spec.strategy))
    )
    return record if same and record.status != "failed" else None


def can_resume(request: RunRequest, scenario: Scenario) -> bool:
    """Whether the request's folder has a checkpoint of this very run."""
    try:
        return resumable(request, scenario).facts["spec"] == request.spec.model_dump(mode="json")
    except RequestError:
        return False


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a run's folder, so that no two processes write into it.

    Raises:
        RequestError: where another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RequestError(f"{folder} cannot be made: {error.strerror or error}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RequestError(f"{folder} is in use by another process, which is making the same run") from None
    finally:
        os.close(descriptor)
