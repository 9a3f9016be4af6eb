"""A run's folder: claimed by one process, holding its checkpoint and journal until the record is there."""

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from benchmark.checkpoint import Checkpoint, read_checkpoint, remove_checkpoint
from benchmark.journal import Damaged, Journal
from benchmark.measuring import Measuring
from benchmark.outcome import Outcome, StoredEvaluation, facts_of
from benchmark.record import AnytimeRow, RunRecord, TaskCosts, read_record
from benchmark.request import RunRequest
from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.registry import source_digest
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES


class Keeper:
    """Writes checkpoints that say which runs they are of. Where it cannot, it says so once, and the runs go on.

    What was measured since the last checkpoint goes into the journal first, and the answers among it out of
    memory: neither memory nor a checkpoint grows with the answers given so far.

    Args:
        requests, scenarios: of the run, or of those that are made at once.
    """

    def __init__(self, requests: Sequence[RunRequest], scenarios: Sequence[Scenario]) -> None:
        first = requests[0]
        self.folder = first.home
        self.journal = Journal(self.folder)
        self.journaled = [dict.fromkeys(("rows", "anytime", "costs", "cells"), 0) for _ in requests]
        self.broken = False
        self.facts: dict[str, Any] = {
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

    def resumed(self) -> Checkpoint:
        """The checkpoint in the folder, with the outcomes, and the cells of each run's properties among the facts.

        Raises:
            RequestError: where there is none, it is damaged, or data or strategy have changed since.
        """
        checkpoint = read_checkpoint(self.folder)
        runs = self.facts["runs"]
        for name, what in (
            ("scenario_digests", f"data of {runs[0]['spec']['scenario']}"),
            ("strategy_digest", f"source of {runs[0]['spec']['strategy']}"),
        ):
            if checkpoint.facts[name] != self.facts[name]:
                raise RequestError(f"{self.folder}: the {what} has changed since it began: run it anew")
        checkpoint.outcomes.extend(Outcome() for _ in runs)
        cells: list[list[Any]] = [[] for _ in runs]
        for entry, place in _entries(self.journal, checkpoint):
            for own, outcome, measured, journaled in zip(
                entry["runs"], checkpoint.outcomes, cells, self.journaled, strict=True
            ):
                for row in own["rows"]:
                    stored = StoredEvaluation.restored(row, self.journal.path, place)
                    outcome.rows.append(stored)
                    place = stored.end
                outcome.anytime += [AnytimeRow(**row) for row in own["anytime"]]
                outcome.costs += [TaskCosts(**cost) for cost in own["costs"]]
                measured += own["cells"]
                for name in journaled:
                    journaled[name] += len(own[name])
        checkpoint.facts["cells"] = cells
        return checkpoint

    def keep(self, measuring: Sequence[Measuring], checkpoint: Checkpoint) -> None:
        """Write down what is new, then the checkpoint that counts on it."""
        try:
            if not self.journal.length:
                remove_checkpoint(self.folder)  # of a run before this one, whose journal ends here
            self._write_journal(measuring, checkpoint)
            facts = {**self.facts, **checkpoint.facts, "journal": self.journal.mark()}
            Checkpoint(checkpoint.tensors, facts).write(self.folder)
        except OSError as error:
            if not self.broken:
                reason = error.strerror or error
                print(f"{self.folder}: a checkpoint cannot be written: {reason}", file=sys.stderr)
            self.broken = True

    def _write_journal(self, measuring: Sequence[Measuring], checkpoint: Checkpoint) -> None:
        runs: list[dict[str, list[Any]]] = []
        arrays: list[NDArray[Any]] = []
        for outcome, measured, since in zip(checkpoint.outcomes, measuring, self.journaled, strict=True):
            rows = outcome.rows[since["rows"] :]
            arrays += [array for row in rows for array in (row.predicted, row.confidence)]
            runs.append(
                {
                    "rows": [facts_of(row) for row in rows],
                    "anytime": [row.model_dump(mode="json") for row in outcome.anytime[since["anytime"] :]],
                    "costs": [cost.model_dump(mode="json") for cost in outcome.costs[since["costs"] :]],
                    "cells": measured.facts(since["cells"]),
                }
            )
        if not any(any(own.values()) for own in runs):
            return
        place = self.journal.add({"runs": runs}, arrays)
        for own, outcome, since in zip(runs, checkpoint.outcomes, self.journaled, strict=True):
            for index, row in enumerate(own["rows"], since["rows"]):
                stored = StoredEvaluation.restored(row, self.journal.path, place)
                outcome.rows[index] = stored
                place = stored.end
            for name, values in own.items():
                since[name] += len(values)


def interrupted_runs(home: Path) -> list[RunRequest]:
    """The requests that go on with the run, or the team of runs, whose checkpoint is in a folder.

    Raises:
        RequestError: where there is no checkpoint, or it cannot be read.
    """
    checkpoint = read_checkpoint(home)
    facts = checkpoint.facts
    folders = [Path(os.path.normpath(home / run["folder"])) for run in facts["runs"]]
    journal = Journal(home)
    if journal.path.exists() or not all(map(_result, folders)):
        for _ in _entries(journal, checkpoint):
            pass  # damage is found here, before any run goes on
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


def _entries(journal: Journal, checkpoint: Checkpoint) -> Iterator[tuple[dict[str, Any], int]]:
    try:
        yield from journal.recall(checkpoint.facts["journal"])
    except Damaged as error:
        raise RequestError(f"{error}; run again from the start") from None


def finished(request: RunRequest, scenario: Scenario) -> RunRecord | None:
    """The record in the request's folder, where it is a result of this very run, data and strategy included."""
    record = _result(request.folder)
    same = (
        record is not None
        and record.spec == request.spec
        and record.scenario_digest == scenario.digest
        and record.strategy_digest == source_digest(STRATEGIES.get(request.spec.strategy))
    )
    return record if same else None


def finished_but_for_its_checkpoint(
    requests: Sequence[RunRequest], scenarios: Sequence[Scenario]
) -> list[RunRecord] | None:
    """The records of runs whose process was killed between taking away their journal and their checkpoint.

    None where they are to be gone on with.
    """
    if Journal(requests[0].home).path.exists():
        return None
    records = [finished(*each) for each in zip(requests, scenarios, strict=True)]
    return [record for record in records if record] if all(records) else None


def _result(folder: Path) -> RunRecord | None:
    """The record in a folder, where it is a result: of a run that completed, or diverged."""
    try:
        record = read_record(folder)
    except RequestError:
        return None
    return None if record.status == "failed" else record


def can_resume(requests: Sequence[RunRequest], scenarios: Sequence[Scenario]) -> bool:
    """Whether there is a checkpoint of this very run, or of the very runs of a team."""
    keeper = Keeper(requests, scenarios)
    try:
        return keeper.resumed().facts["runs"] == keeper.facts["runs"]
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
