"""What is kept of our runs: a small file a row, with the specification, the matrices and the digests."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from benchmark import metrics
from benchmark.files import write_atomically
from benchmark.record import RunRecord
from benchmark.spec import RunSpec, Strict, one_line
from fidelity.targets import Row
from scenarios.errors import RequestError

RECORDS = Path(__file__).parent / "records"

DIGITS = 12
"""Of a digest; enough to see that something has changed."""

Cells = list[list[float | None]]


class Kept(Strict):
    """One run.

    Attributes:
        status, reason: how it ended.
        scenario, strategy: digests of the tasks' content and of the strategy's source, cut short.
        accuracy: the matrix.
        properties: the matrices of those that were measured.
        seconds: of training.
    """

    spec: RunSpec
    status: str
    reason: str | None = None
    scenario: str
    strategy: str
    accuracy: Cells
    properties: dict[str, Cells] = {}
    seconds: float

    @classmethod
    def of(cls, record: RunRecord) -> "Kept":
        return cls(
            spec=record.spec,
            status=record.status,
            reason=record.reason,
            scenario=record.scenario_digest[:DIGITS],
            strategy=record.strategy_digest[:DIGITS],
            accuracy=_rounded(record.accuracy),
            properties={name: _rounded(each.values) for name, each in record.properties.items()},
            seconds=round(sum(cost.seconds for cost in record.costs), 1),
        )

    def value(self, measure: str) -> float:
        """A metric of the run, in percent.

        Raises:
            Undefined: where it has none.
        """
        owner, _, part = measure.rpartition(".")
        if not owner:
            function: Any = getattr(metrics, measure)
            return 100 * float(function(_matrix(self.accuracy)))
        if owner not in self.properties:
            raise metrics.NotMeasured(f"{owner} was not measured")
        return 100 * metrics.property_metric(part, _matrix(self.properties[owner]), "higher")


@dataclass
class Book:
    """All kept runs.

    Attributes:
        folder: where they lie.
    """

    folder: Path = RECORDS

    def runs(self, row: Row) -> list[Kept]:
        """Those of a row, whatever has changed since.

        Raises:
            RequestError: where its file is not what `keep` writes.
        """
        path = self.path(row)
        if not path.exists():
            return []
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            shared = document["spec"]
            return [Kept.model_validate({**run, "spec": {**shared, "seeds": run["spec"]}}) for run in document["runs"]]
        except ValidationError as error:
            raise RequestError(
                f"{path} is no record of a row: {one_line(error)}; remove it to run the row anew"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RequestError(f"{path} is no record of a row: {error!r}; remove it to run the row anew") from None

    def keep(self, row: Row, runs: Iterable[Kept]) -> None:
        """Add runs to those of a row; of those before, the ones with the very same specification but for seeds stay."""
        new = {run.spec.model_dump_json(): run for run in runs}
        group = next(iter(new.values())).spec.group
        old = {run.spec.model_dump_json(): run for run in self.runs(row) if run.spec.group == group}
        kept = sorted({**old, **new}.values(), key=lambda run: run.spec.seeds.init)
        shared = kept[0].spec.model_dump(mode="json", exclude={"seeds"})
        lines = [json.dumps({**_compact(run), "spec": run.spec.seeds.model_dump()}) for run in kept]
        text = f'{{"row": {json.dumps(row.label)},\n"spec": {json.dumps(shared)},\n"runs": [\n' + ",\n".join(lines)
        write_atomically(self.path(row), f"{text}\n]}}\n".encode())

    def path(self, row: Row) -> Path:
        return self.folder / f"{row.slug}.json"


def _compact(run: Kept) -> dict[str, Any]:
    return run.model_dump(mode="json", exclude={"spec"}, exclude_defaults=True)


def _rounded(rows: Any) -> Cells:
    return [[None if value is None else round(value, 6) for value in row] for row in rows]


def _matrix(rows: Cells) -> metrics.Matrix:
    return np.array(rows, dtype=np.float64)
