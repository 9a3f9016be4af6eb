"""A run's folder: claimed by one process, holding its checkpoint and journal until the record is there."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.checkpoint import Checkpoint, read_checkpoint, remove_checkpoint
from benchmark.journal import Damaged, Journal
from benchmark.measuring import Measuring
from benchmark.outcome import StoredEvaluation, facts_of
from benchmark.record import AnytimeRow, TaskCosts
from benchmark.request import RunRequest
from benchmark.spec import RunSpec
from scenarios.errors import RequestError
from scenarios.registry import source_digest
from scenarios.task import Scenario
from strategies.catalogue import STRATEGIES


class Keeper:
    """Writes checkpoints that say which run they are of. Where it cannot, it says so once, and the run goes on.

    What was measured since the last checkpoint goes into the journal first, and the answers among it out of
    memory: neither memory nor a checkpoint grows with the answers given so far.

    Args:
        request, scenario: of the run.
    """

    def __init__(self, request: RunRequest, scenario: Scenario) -> None:
        self.request = request
        self.journal = Journal(request.folder)
        self.journaled = dict.fromkeys(("rows", "anytime", "costs", "cells"), 0)
        self.broken = False
        self.facts = {
            "spec": request.spec.model_dump(mode="json"),
            "plugins": list(request.plugins),
            "data": str(request.data) if request.data else None,
            "track": request.track,
            "scenario_digest": scenario.digest,
            "strategy_digest": source_digest(STRATEGIES.get(request.spec.strategy)),
        }

    def resumed(self) -> Checkpoint:
        """The checkpoint in the run's folder, with its outcome, and the cells of its properties among the facts.

        Raises:
            RequestError: where there is none, it is damaged, or data or strategy have changed since.
        """
        checkpoint = read_checkpoint(self.request.folder)
        for name, what in (
            ("scenario_digest", f"data of {self.request.spec.scenario}"),
            ("strategy_digest", f"source of {self.request.spec.strategy}"),
        ):
            if checkpoint.facts[name] != self.facts[name]:
                raise RequestError(f"{self.request.folder}: the {what} has changed since it began: run it anew")
        checkpoint.facts["cells"] = []
        for entry, place in _entries(self.journal, checkpoint):
            for row in entry["rows"]:
                stored = StoredEvaluation.restored(row, self.journal.path, place)
                checkpoint.outcome.rows.append(stored)
                place = stored.end
            checkpoint.outcome.anytime += [AnytimeRow(**row) for row in entry["anytime"]]
            checkpoint.outcome.costs += [TaskCosts(**cost) for cost in entry["costs"]]
            checkpoint.facts["cells"] += entry["cells"]
            for name in self.journaled:
                self.journaled[name] += len(entry[name])
        return checkpoint

    def keep(self, measuring: Measuring, checkpoint: Checkpoint) -> None:
        """Write down what is new, then the checkpoint that counts on it."""
        try:
            if not self.journal.length:
                remove_checkpoint(self.request.folder)  # of a run before this one, whose journal ends here
            self._write_journal(measuring, checkpoint)
            facts = {**self.facts, **checkpoint.facts, "journal": self.journal.mark()}
            Checkpoint(checkpoint.tensors, facts).write(self.request.folder)
        except OSError as error:
            if not self.broken:
                reason = error.strerror or error
                print(f"{self.request.folder}: a checkpoint cannot be written: {reason}", file=sys.stderr)
            self.broken = True

    def _write_journal(self, measuring: Measuring, checkpoint: Checkpoint) -> None:
        outcome, since = checkpoint.outcome, dict(self.journaled)
        rows = outcome.rows[since["rows"] :]
        entry: dict[str, list[Any]] = {
            "rows": [facts_of(row) for row in rows],
            "anytime": [row.model_dump(mode="json") for row in outcome.anytime[since["anytime"] :]],
            "costs": [cost.model_dump(mode="json") for cost in outcome.costs[since["costs"] :]],
            "cells": measuring.facts(since["cells"]),
        }
        if not any(entry.values()):
            return
        place = self.journal.add(entry, [array for row in rows for array in (row.predicted, row.confidence)])
        for index, row in enumerate(entry["rows"], since["rows"]):
            stored = StoredEvaluation.restored(row, self.journal.path, place)
            outcome.rows[index] = stored
            place = stored.end
        self.journaled = {name: since[name] + len(values) for name, values in entry.items()}


def interrupted_run(folder: Path) -> RunRequest:
    """The request that goes on with the run whose checkpoint is in a folder.

    Raises:
        RequestError: where there is no checkpoint, or it cannot be read.
    """
    checkpoint = read_checkpoint(folder)
    for _ in _entries(Journal(folder), checkpoint):
        pass  # damage is found here, before any run goes on
    facts = checkpoint.facts
    return RunRequest(
        spec=RunSpec.checked(**facts["spec"]),
        folder=folder,
        plugins=tuple(facts["plugins"]),
        data=Path(facts["data"]) if facts["data"] else None,
        track=facts["track"],
        resume=True,
    )


def _entries(journal: Journal, checkpoint: Checkpoint) -> Iterator[tuple[dict[str, Any], int]]:
    try:
        yield from journal.recall(checkpoint.facts["journal"])
    except Damaged as error:
        raise RequestError(f"{error}; run again from the start") from None


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
