"""The figures of others that are to be met: read from targets.toml, checked, and told apart from what is ours."""

import json
import math
import statistics
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from benchmark.metrics import METRICS, PROPERTY_METRICS
from benchmark.spec import Scalar, Strict, one_line
from forgetless.plan import ClassOrder, Plan
from scenarios.errors import RequestError
from scenarios.options import spelled

if TYPE_CHECKING:
    from benchmark.spec import RunSpec

Model = TypeVar("Model", bound=Strict)

TARGETS = Path(__file__).parent / "targets.toml"

LEAST_MARGIN = 2.0
"""Points of accuracy within which a figure is met, however small the reference's spread."""

Origin = Literal["published", "code", "measured"]
"""Printed in a publication; found by others with a peer's code; found here with a peer's code (`fidelity.peers`)."""

SHARED = {"device": "cpu", "threads": 1, "compile": "off", "properties": "none"}
"""How every run is made, unless its protocol says otherwise."""


@dataclass(frozen=True)
class Reference:
    """A figure of others, in percent.

    Attributes:
        mean: over their runs.
        sd: standard deviation over them; None where there is only one run, or it is not said.
        n: how many runs; None where it is not said.
    """

    mean: float
    sd: float | None = None
    n: int | None = None

    @property
    def margin(self) -> float:
        """How far a figure may be away and still be the same: two standard deviations, at least two points."""
        return max(LEAST_MARGIN, 2 * (self.sd or 0.0))


@dataclass(frozen=True)
class Protocol:
    """How figures were found, by others and here.

    Attributes:
        name: short.
        title: who, and on what.
        source: where the figures stand, and the code that made them.
        text: the protocol in words, with what differs here.
        origin: see `Origin`.
    """

    name: str
    title: str
    source: str
    text: str
    origin: Origin


@dataclass(frozen=True)
class Row:
    """One figure, and the runs here that should give it.

    Attributes:
        protocol: how it was found.
        kind: of scenario, a key of the protocol's scenarios.
        name: of the strategy, as the reference calls it.
        strategy: as it is called here.
        scenario, settings, options, seeds, class_order: what is asked for (see `forgetless.plan.Plan`).
        measure: a metric, `average_accuracy` or that of a property.
        reference: the figure.
        margin: how far ours may be from it.
        note: what else is to be known of it.
        tried: why it does not hold, and what was tried.
        impossible: why the protocol cannot be followed here; such a row is not run.
    """

    protocol: Protocol
    kind: str
    name: str
    strategy: str
    scenario: str
    settings: Mapping[str, list[str]]
    options: Mapping[str, Any]
    seeds: str
    class_order: ClassOrder
    measure: str
    reference: Reference
    margin: float
    note: str = ""
    tried: str = ""
    impossible: str = ""

    @property
    def label(self) -> str:
        return f"{self.protocol.name}/{self.kind}/{self.name}"

    @property
    def slug(self) -> str:
        """The label as a file name."""
        letters = "".join(letter if letter.isalnum() or letter == "+" else "-" for letter in self.label.lower())
        return "-".join(part for part in letters.split("-") if part)

    @property
    def source(self) -> str | None:
        """The data set that is needed; None where the scenario brings its own."""
        from scenarios.scenario import scenario_reference

        return scenario_reference(self.scenario).source

    @property
    def lacking(self) -> str:
        """What it asks for and is not there: the strategy, or options of it; empty where all is."""
        from strategies.catalogue import STRATEGIES
        from strategies.strategy import hyperparameters_of

        if self.strategy not in STRATEGIES.entries():
            return "strategy not there yet"
        unknown = [name for name in self.settings if name not in hyperparameters_of(self.strategy)]
        return f"option {unknown[0]} not there yet" if unknown else ""

    def specs(self) -> list["RunSpec"]:
        """Its runs.

        Raises:
            RequestError: where the row asks for what is not possible.
        """
        plan = Plan(self.scenario, [self.strategy], self.seeds, self.class_order, self.settings, self.options)
        try:
            return plan.specs()
        except RequestError as error:
            raise RequestError(f"{self.label}: {error}") from None


class _Row(Strict):
    """A row as it is written; `reference` is a mean, or a mean and its spread, or the name of what was measured."""

    kind: str
    strategy: str
    name: str = ""
    set: dict[str, Scalar] = {}
    run: dict[str, Scalar] = {}
    reference: Annotated[list[float], Field(min_length=1, max_length=2)] | str
    n: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=1)] | list[int] | None = None
    measure: str = "average_accuracy"
    margin: Annotated[float, Field(gt=0)] | None = None
    note: str = ""
    tried: str = ""
    impossible: str = ""


class _Protocol(Strict):
    """A protocol as it is written, its rows not yet read."""

    name: str
    title: str
    source: str
    text: str
    origin: Origin
    spread: Literal["sd", "sem"] = "sd"
    n: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=1)] | list[int]
    class_order: ClassOrder = ClassOrder.canonical
    scenarios: dict[str, str]
    run: dict[str, Scalar]
    rows: list[dict[str, Any]]
    measured: str = ""


@dataclass
class _Reader:
    path: Path
    rows: list[Row] = field(default_factory=list)

    def read(self) -> list[Row]:
        try:
            document = tomllib.loads(self.path.read_bytes().decode())
        except OSError as error:
            raise RequestError(f"{self.path} cannot be read: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RequestError(f"{self.path} is not TOML: {error}") from None
        tables = document.pop("protocol", [])
        if document or not isinstance(tables, list):
            raise RequestError(f"{self.path}: it holds tables [[protocol]] and nothing else, not {[*document]}")
        for number, table in enumerate(tables, 1):
            self.protocol(_checked(_Protocol, table, f"{self.path}: protocol {number}"))
        labels = [row.label for row in self.rows]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise RequestError(f"{self.path}: two rows are called {twice[0]}: give one a name of its own")
        return self.rows

    def protocol(self, written: _Protocol) -> None:
        protocol = Protocol(written.name, written.title, written.source, written.text.strip(), written.origin)
        measured = _measured(self.path.parent / written.measured) if written.measured else {}
        for number, table in enumerate(written.rows, 1):
            where = f"{self.path}: {written.name}, row {number}"
            self.rows.append(self.row(protocol, written, _checked(_Row, table, where), measured, where))

    def row(
        self, protocol: Protocol, written: _Protocol, row: _Row, measured: Mapping[str, Reference], where: str
    ) -> Row:
        if row.kind not in written.scenarios:
            raise RequestError(f"{where}: there is no kind {row.kind!r}, only {', '.join(written.scenarios)}")
        if not _is_measure(row.measure):
            raise RequestError(f"{where}: measure={row.measure!r} is no metric of a record")
        if isinstance(row.reference, str):
            if row.reference not in measured:
                known = ", ".join(measured) or "nothing"
                raise RequestError(f"{where}: {row.reference!r} was not measured: {known} was")
            reference = measured[row.reference]
        else:
            reference = _reference(row.reference, row.n or written.n, written.spread, where)
        seeds = row.seeds or written.seeds
        return Row(
            protocol,
            row.kind,
            row.name or row.strategy,
            row.strategy,
            written.scenarios[row.kind],
            settings={name: [spelled(value)] for name, value in row.set.items()},
            options={**SHARED, **written.run, **row.run},
            seeds=str(seeds) if isinstance(seeds, int) else "".join(f"{seed}," for seed in seeds),
            class_order=written.class_order,
            measure=row.measure,
            reference=reference,
            margin=row.margin or reference.margin,
            note=row.note,
            tried=row.tried,
            impossible=row.impossible,
        )


def read_targets(path: Path = TARGETS) -> list[Row]:
    """All rows of a file of targets, in its order.

    Raises:
        RequestError: in one line, where the file cannot be read or says what is not possible.
    """
    return _Reader(path).read()


def _checked(model: type[Model], table: Any, where: str) -> Model:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise RequestError(f"{where}: {one_line(error)}") from None


def _reference(figures: list[float], n: int | None, spread: str, where: str) -> Reference:
    mean, *further = figures
    if not further:
        return Reference(mean, None, n)
    if spread == "sd":
        return Reference(mean, further[0], n)
    if n is None:
        raise RequestError(f"{where}: the standard error of a mean says nothing without n, the number of runs")
    return Reference(mean, further[0] * math.sqrt(n), n)


def _is_measure(name: str) -> bool:
    owner, _, part = name.rpartition(".")
    return part in PROPERTY_METRICS if owner else name in METRICS and METRICS[name].needs == "matrix"


def _measured(path: Path) -> dict[str, Reference]:
    """What a peer was measured to reach: mean and spread of the final average accuracy, by entry."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
        finals = {
            name: [100 * statistics.fmean(run["accuracy"][-1]) for run in entry["runs"]]
            for name, entry in entries.items()
        }
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise RequestError(f"{path} is not what a script of fidelity.peers writes: {error!r}") from None
    return {
        name: Reference(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
        for name, values in finals.items()
    }
