"""Measuring properties along a run: matrices filled cell by cell, on copies of the model."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.coverage import Coverage
from benchmark.predictions import read_predictions
from benchmark.properties.property import (
    GroupProperty,
    Measurement,
    Property,
    Subject,
    build_property,
)
from benchmark.randomness import generator_for, global_seed
from benchmark.record import PropertyValues, RunRecord
from benchmark.spec import RunSpec
from scenarios.options import Reference
from scenarios.task import Scenario, Task
from strategies.strategy import Strategy


class Measuring:
    """Fills the matrices of a run's properties, a row after each task.

    Args:
        spec: of the run: which properties, and which tasks they are measured on. Those over groups of runs are
            left to `compare_runs`.
        strategy, scenario: of the run.

    Attributes:
        rows: what was measured so far, first of all nothing before training: of each property, a cell a task.
    """

    def __init__(self, spec: RunSpec, strategy: Strategy, scenario: Scenario) -> None:
        built = {reference: build_property(reference) for reference in spec.properties}
        self.properties = {name: each for name, each in built.items() if isinstance(each, Property)}
        self.coverage = Coverage(spec, len(scenario.tasks))
        self.strategy = strategy
        self.scenario = scenario
        self.device = torch.device(spec.device)
        self.rows: list[dict[str, dict[int, Measurement]]] = [{name: {} for name in self.properties}]

    def after(self, task: Task) -> None:
        """Measure everything after a task, on the tasks seen that the row covers."""
        masks = self.scenario.masks(task.index).to(self.device)
        faced = [self.scenario.tasks[index] for index in self.coverage.seen(task.index)]
        cells: dict[str, dict[int, Measurement]] = {}
        for name, property_ in self.properties.items():
            # The bare name: with other options the same examples are drawn, so curves over them are paired.
            purpose = f"property {Reference.parse(name).name}"
            cells[name] = {}
            for seen in faced:
                with global_seed(self.device, purpose, seen.index):
                    cells[name][seen.index] = _measured(property_, lambda: self.subject(seen, masks, purpose))  # noqa: B023
        self.rows.append(cells)

    def subject(self, seen: Task, masks: Tensor, purpose: str) -> Subject:
        """A copy of the model as it is now, facing a task it has seen."""
        return Subject(
            model=copy.deepcopy(self.strategy).eval(),
            task=seen,
            test=self.scenario.test[seen.index],
            masks=masks,
            generator=generator_for(purpose, seen.index),
            device=self.device,
            told=self.scenario.kind == "task",
            truth=self.scenario.truth[seen.index] if self.scenario.truth else None,
        )

    def facts(self, since: int) -> list[dict[str, Any]]:
        """The rows measured from the one numbered `since` on, as JSON has them."""
        return [
            {name: {str(task): asdict(cell) for task, cell in cells.items()} for name, cells in row.items()}
            for row in self.rows[since:]
        ]

    def restore(self, facts: list[dict[str, Any]]) -> None:
        """Take on rows written down before, from the first."""
        self.rows = [
            {name: {int(task): Measurement(**cell) for task, cell in cells.items()} for name, cells in row.items()}
            for row in facts
        ]

    def results(self) -> dict[str, PropertyValues]:
        """The matrices as records hold them."""
        return {
            name: _values(property_, [row[name] for row in self.rows], len(self.scenario.tasks))
            for name, property_ in self.properties.items()
        }


def _measured(property_: Property, subject: Callable[[], Subject]) -> Measurement:
    """One cell; a property that breaks leaves a hole with its reason, and the run goes on."""
    try:
        found = property_.measure(subject())
    except Exception as error:
        return Measurement(None, f"{type(error).__name__}: {' '.join(str(error).split())}")
    if found.value is not None and not math.isfinite(found.value):
        return Measurement(None, f"it was {found.value}", found.beside)
    return found


def _values(property_: Property, rows: list[dict[int, Measurement]], tasks: int) -> PropertyValues:
    measured = [cell for row in rows for cell in row.values()]

    def matrix(read: Callable[[Measurement], Any]) -> list[list[Any]]:
        values: list[list[Any]] = [[None] * tasks for _ in rows]
        for into, row in zip(values, rows, strict=True):
            for task, cell in row.items():
                into[task] = read(cell)
        return values

    return PropertyValues(
        unit=property_.unit,
        better=property_.better,
        over="cell",
        values=matrix(lambda cell: cell.value),
        reason=next((cell.reason for cell in measured if cell.reason), None),
        beside={
            name: matrix(lambda cell: cell.beside.get(name))  # noqa: B023
            for name in dict.fromkeys(name for cell in measured for name in cell.beside)
        },
    )


def compare_runs(folders: Sequence[Path], records: Sequence[RunRecord]) -> list[RunRecord]:
    """The records of one group of runs, with the properties that only several runs together have.

    Args:
        folders: of the runs, for their predictions.
        records: of the same runs, all completed.
    """
    asked = [(name, build_property(name)) for name in records[0].spec.properties]
    groups = {name: each for name, each in asked if isinstance(each, GroupProperty)}
    if not groups or len(records) < 2:
        return list(records)
    predictions = [read_predictions(folder) for folder in folders]
    found: dict[str, Any] = {}
    for name, each in groups.items():
        cells = each.compare(predictions)
        beside = dict.fromkeys(key for cell in cells for key in cell.beside)
        found[name] = PropertyValues(
            unit=each.unit,
            better=each.better,
            over="group",
            values=[cell.value for cell in cells],
            reason=next((cell.reason for cell in cells if cell.reason), None),
            beside={key: [cell.beside.get(key) for cell in cells] for key in beside},
            seeds=[record.spec.seeds.init for record in records],
        )
    return [record.with_properties(found) for record in records]
