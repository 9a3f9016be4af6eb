"""Entries of a leaderboard: the runs of one strategy as configured, gathered from records."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmark.record import PropertyValues, RunRecord
from benchmark.spec import Seeds


@dataclass(frozen=True)
class Run:
    """All that was posted of one entry with the same seeds, the first post first.

    The first post says how the run ended and what its accuracies are; later ones can only add what was not
    measured before, so nobody improves a number by posting again.
    """

    posts: tuple[RunRecord, ...]

    @property
    def record(self) -> RunRecord:
        """The post that counts."""
        return self.posts[0]

    @property
    def seeds(self) -> Seeds:
        return self.record.spec.seeds

    @property
    def diverged(self) -> bool:
        return self.record.status == "diverged"

    @cached_property
    def figures(self) -> tuple[dict[str, float], dict[str, str]]:
        """Metrics of this run alone, each from the first post that has it, and why the others have none."""
        values: dict[str, float] = {}
        undefined: dict[str, str] = {}
        for post in self._completed:
            # Computed anew: what a record claims beside its matrices counts for nothing.
            found, reasons = post.computed_metrics()
            for name, value in found.items():
                if value is not None:
                    values.setdefault(name, value)
            for name, reason in reasons.items():
                undefined.setdefault(name, reason)
        return values, {name: reason for name, reason in undefined.items() if name not in values}

    @cached_property
    def properties(self) -> dict[str, PropertyValues]:
        """What was measured besides accuracy, each from the first post that has it."""
        found: dict[str, PropertyValues] = {}
        for post in self._completed:
            found = {**post.properties, **found}
        return found

    @property
    def _completed(self) -> list[RunRecord]:
        return [] if self.diverged else [post for post in self.posts if post.status == "completed"]

    @property
    def note(self) -> str | None:
        """A sentence where the posts contradict each other."""
        if all(_agree(post, self.record) for post in self.posts):
            return None
        return f"{len(self.posts)} posts of {seeds_text(self.seeds)} disagree; the first counts"


@dataclass(frozen=True)
class Entry:
    """The runs of one strategy as configured, on one protocol; they differ by their seeds alone."""

    digest: str
    runs: tuple[Run, ...]

    @property
    def record(self) -> RunRecord:
        """A record to read from what all runs have in common."""
        return self.runs[0].record

    @property
    def strategy(self) -> str:
        return self.record.spec.strategy

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return self.record.spec.hyperparameters

    @property
    def settings(self) -> dict[str, Any]:
        """Network, optimiser and the like: what entries share that differ by the strategy alone."""
        fields = self.record.spec.settings
        return {name: fields[name] for name in fields if name not in {"strategy", "hyperparameters"}}

    @property
    def completed(self) -> list[Run]:
        return [run for run in self.runs if not run.diverged]

    @cached_property
    def properties(self) -> dict[str, PropertyValues]:
        """What was measured besides accuracy, as the first run that has it has it."""
        found: dict[str, PropertyValues] = {}
        for run in self.completed:
            found = {**run.properties, **found}
        return found


def _agree(one: RunRecord, other: RunRecord) -> bool:
    """Whether two records of one run end alike, and have the same accuracies wherever both were evaluated."""
    if one.status != other.status or len(one.accuracy) != len(other.accuracy) or len(one.tasks) != len(other.tasks):
        return False
    difference = one.matrix - other.matrix
    return not np.any(difference[~np.isnan(difference)])


def entries_of(records: Iterable[RunRecord]) -> list[Entry]:
    """The entries that records make up, given in the order of posting; failed runs are no results."""
    posts: dict[str, dict[Seeds, list[RunRecord]]] = {}
    for record in records:
        if record.status != "failed":
            posts.setdefault(record.entry, {}).setdefault(record.spec.seeds, []).append(record)
    return [
        Entry(digest, tuple(Run(tuple(runs[seeds])) for seeds in sorted(runs, key=_seeds_order)))
        for digest, runs in posts.items()
    ]


def _seeds_order(seeds: Seeds) -> tuple[int, int, int]:
    return (seeds.init, seeds.order, -1 if seeds.classes is None else seeds.classes)


def seeds_text(seeds: Seeds) -> str:
    """Seeds as a person says them: one number where all causes have the same."""
    parts = {name: value for name, value in seeds.model_dump().items() if value is not None}
    if len(set(parts.values())) == 1:
        return f"seed {seeds.init}"
    return "seeds " + ", ".join(f"{name} {value}" for name, value in parts.items())
