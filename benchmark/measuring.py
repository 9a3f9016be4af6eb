"""Measuring properties along a run: matrices filled cell by cell, on copies of the model."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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
from scenarios.options import Reference
from scenarios.task import Scenario, Task
from strategies.strategy import Strategy


class Measuring:
    """Fills the matrices of a run's properties, a row after each task.

    Args:
        references: of the properties asked for; those over groups of runs are left to `compare_runs`.
        strategy, scenario, device: of the run.
    """

    def __init__(self, references: Sequence[str], strategy: Strategy, scenario: Scenario, device: torch.device) -> None:
        built = {reference: build_property(reference) for reference in references}
        self.properties = {name: each for name, each in built.items() if isinstance(each, Property)}
        self.strategy = strategy
        self.scenario = scenario
        self.device = device
        empty: list[Measurement | None] = [None] * len(scenario.tasks)
        self.cells = {name: [list(empty)] for name in self.properties}

    def after(self, task: Task) -> None:
        """Measure everything after a task, on each task seen."""
        masks = self.scenario.masks(task.index).to(self.device)
        for name, property_ in self.properties.items():
            # The bare name: with other options the same examples are drawn, so curves over them are paired.
            purpose = f"property {Reference.parse(name).name}"
            row: list[Measurement | None] = [None] * len(self.scenario.tasks)
            for seen in self.scenario.tasks[: task.index + 1]:
                with global_seed(self.device, purpose, seen.index):
                    row[seen.index] = _measured(property_, lambda: self.subject(seen, masks, purpose))  # noqa: B023
            self.cells[name].append(row)

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
        )

    def facts(self) -> dict[str, Any]:
        """The cells measured so far, for a checkpoint."""
        return {name: [[cell and asdict(cell) for cell in row] for row in rows] for name, rows in self.cells.items()}

    def restore(self, facts: dict[str, Any]) -> None:
        """Take on the cells of a checkpoint."""
        self.cells = {
            name: [[cell and Measurement(**cell) for cell in row] for row in rows] for name, rows in facts.items()
        }

    def results(self) -> dict[str, PropertyValues]:
        """The matrices as records hold them."""
        return {name: _values(self.properties[name], rows) for name, rows in self.cells.items()}


def _measured(property_: Property, subject: Callable[[], Subject]) -> Measurement:
    """One cell; a property that breaks leaves a hole with its reason, and the run goes on."""
    try:
        found = property_.measure(subject())
    except Exception as error:
        return Measurement(None, f"{type(error).__name__}: {' '.join(str(error).split())}")
    if found.value is not None and not math.isfinite(found.value):
        return Measurement(None, f"it was {found.value}", found.beside)
    return found


def _values(property_: Property, rows: list[list[Measurement | None]]) -> PropertyValues:
    measured = [cell for row in rows for cell in row if cell is not None]
    names = dict.fromkeys(name for cell in measured for name in cell.beside)
    beside = {name: [[cell.beside.get(name) if cell else None for cell in row] for row in rows] for name in names}
    return PropertyValues(
        unit=property_.unit,
        better=property_.better,
        over="cell",
        values=[[cell.value if cell else None for cell in row] for row in rows],
        reason=next((cell.reason for cell in measured if cell.reason), None),
        beside=beside,
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
