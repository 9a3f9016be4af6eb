"""A run's folder: claimed by one process, holding its checkpoint until the record is there."""

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmark.checkpoint import Checkpoint, read_checkpoint
from benchmark.measuring import Measuring
from benchmark.request import RunRequest
from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.registry import source_digest
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES


class Keeper:
    """Writes checkpoints that say which runs they are of. Where it cannot, it says so once, and the runs go on."""

    def __init__(
        self, requests: Sequence[RunRequest], scenarios: Sequence[Scenario], measuring: Sequence[Measuring]
    ) -> None:
        first = requests[0]
        self.folder = first.home
        self.measuring = measuring
        self.broken = False
        self.facts = {
            "runs": [
                {"spec": request.spec.model_dump(mode="json"), "folder": os.path.relpath(request.folder, self.folder)}
                for request in requests
            ],
            "plugins": list(first.plugins),
            "data": str(first.data) if first.data else None,
            "track": first.track,
            "scenario_digests": [scenario.digest for scenario in scenarios],
            "strategy_digest": source_digest(STRATEGIES.get(first.spec.strategy)),
        }

    def keep(self, checkpoint: Checkpoint) -> None:
        facts = {**self.facts, **checkpoint.facts, "cells": [each.facts() for each in self.measuring]}
        try:
            Checkpoint(checkpoint.tensors, facts).write(self.folder)
        except OSError as error:
            if not self.broken:
                reason = error.strerror or error
                print(f"{self.folder}: a checkpoint cannot be written: {reason}", file=sys.stderr)
            self.broken = True


def interrupted_runs(home: Path) -> list[RunRequest]:
    """The requests that go on with the run, or the team of runs, whose checkpoint is in a folder.

    Raises:
        RequestError: where there is no checkpoint, or it cannot be read.
    """
    facts = read_checkpoint(home).facts
    folders = [Path(os.path.normpath(home / run["folder"])) for run in facts["runs"]]
    return [
        RunRequest(
            spec=RunSpec.checked(**run["spec"]),
            folder=folder,
            plugins=tuple(facts["plugins"]),
            data=Path(facts["data"]) if facts["data"] else None,
            track=facts["track"],
            resume=True,
            team=home if folder != Path(os.path.normpath(home)) else None,
        )
        for run, folder in zip(facts["runs"], folders, strict=True)
    ]


def resumable(requests: Sequence[RunRequest], scenarios: Sequence[Scenario]) -> Checkpoint:
    """The checkpoint of the requests, made sure to be of the same data and the same strategy.

    Raises:
        RequestError: where either has changed since, or there is no checkpoint.
    """
    first = requests[0]
    checkpoint = read_checkpoint(first.home)
    if checkpoint.facts["scenario_digests"] != [scenario.digest for scenario in scenarios]:
        raise RequestError(f"{first.home}: the data of {scenarios[0].name} has changed since it began: run it anew")
    if checkpoint.facts["strategy_digest"] != source_digest(STRATEGIES.get(first.spec.strategy)):
        raise RequestError(f"{first.home}: the source of {first.spec.strategy} has changed since it began: run it anew")
    return checkpoint


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
