"""The record of a run: what happened, in a form that anyone can read and check. No torch here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from benchmark.coverage import Coverage
from benchmark.files import write_atomically
from benchmark.metrics import Matrix
from benchmark.spec import RunSpec, Scalar, Seeds, Strict, digest, one_line
from benchmark.summary import Summary, summary
from scenarios.errors import RequestError

SCHEMA: Literal["forgetless.record/1"] = "forgetless.record/1"

Better = Literal["higher", "lower"]


class TaskFacts(Strict):
    """One task of the sequence: which classes of the source it holds, and how many examples.

    What is None is left out.

    Attributes:
        returns: of a later visit of another task, the number of that task, from 1.
        leaked: how many of the test inputs are, to the byte, among the training inputs of any task; None where nobody
            has looked, or where it tests on purpose what it trains on.
    """

    name: str
    classes: tuple[str, ...]
    outputs: tuple[int, ...]
    training: int = Field(ge=0, lt=2**53)
    validation: int = Field(ge=0, lt=2**53)
    test: int = Field(ge=1, lt=2**53)
    chance: float = Field(gt=0, le=1)
    returns: int | None = Field(default=None, ge=1)
    leaked: int | None = Field(default=None, ge=0, lt=2**53)

    @model_serializer(mode="wrap")
    def _without_nothing(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records that do not know of these fields stay as they were, and so do their digests."""
        fields: dict[str, Any] = write(self)
        return {name: value for name, value in fields.items() if value is not None}


class AnytimeRow(Strict):
    """Accuracies at a step within a task, null on tasks not evaluated; steps and tasks count from 1."""

    task: int = Field(ge=1)
    step: int = Field(ge=1)
    accuracy: tuple[float | None, ...]


class PropertyValues(Strict):
    """A property's matrix, rows and columns as those of the accuracy.

    Attributes:
        unit: of the values.
        better: which direction is.
        over: "cell": a value after each task on each task seen; "row": a value after each task, repeated
            over the tasks seen; "group": over the runs of one entry, one value a task, after the last.
        values: null where nothing was measured.
        reason: why something is null that might have been expected, or a value is only a bound.
        beside: what was measured with it and helps to read it, by name.
        seeds: for a group, the seeds of the runs compared.
    """

    unit: str
    better: Better
    over: Literal["cell", "row", "group"]
    values: list[list[float | None]] | list[float | None]
    reason: str | None = None
    beside: dict[str, Any] = {}
    seeds: list[int] | None = None


class TaskCosts(Strict):
    """What a task cost.

    Attributes:
        seconds: spent training, what a strategy does at a task's ends included, evaluation and probes left out;
            of runs that train at once, each has its share.
        steps: taken.
        examples_forward, examples_backward: that went through a network, and through a gradient, in steps and
            in what a strategy computes beside them (EWC's information).
        bytes_remembered: of the strategy's state besides the network it trains.
        parameters: trained, the strategy's own included.
    """

    seconds: float = Field(ge=0)
    steps: int = Field(ge=0)
    examples_forward: int = Field(ge=0)
    examples_backward: int = Field(ge=0)
    bytes_remembered: int = Field(ge=0)
    parameters: int = Field(ge=0)


class TeamMember(Strict):
    """One of the runs that trained at once: what it had of its own."""

    seeds: Seeds
    hyperparameters: dict[str, Scalar]


class Environment(Strict):
    """Where and how a run took place.

    Attributes:
        step: "eager": operation by operation; "compiled": whole steps of full batches were compiled.
        team: the runs that trained at once with it, itself among them, as their kernels round together; empty
            for a run alone.
    """

    step: Literal["eager", "compiled"] = "eager"
    team: tuple[TeamMember, ...] = ()
    python: str
    torch: str
    platform: str
    cores: int
    threads: int
    device: str
    forgetless: str
    commit: str | None


class RunRecord(Strict):
    """One run: its specification, and all that was measured.

    Attributes:
        status: "completed"; "diverged": the loss was not finite, a result; "failed": an error ended it.
        reason: of the latter two, in one line.
        protocol: digest of what makes runs comparable.
        scenario_digest, strategy_digest: of the tasks' content, and of the strategy's source.
        kind, active: of the scenario (see `scenarios.task`).
        accuracy: rows before training and after each task reached; columns tasks. Null where the specification
            asks for no evaluation, and nowhere else.
        anytime: rows within tasks.
        metrics: null where undefined; `undefined` says why.
    """

    schema_: Literal["forgetless.record/1"] = Field(default=SCHEMA, alias="schema")
    status: Literal["completed", "diverged", "failed"]
    reason: str | None = None
    spec: RunSpec
    protocol: str
    scenario_digest: str
    strategy_digest: str
    kind: Literal["task", "domain", "class"]
    active: Literal["seen", "all"]
    tasks: tuple[TaskFacts, ...] = Field(min_length=1)
    accuracy: list[list[float | None]]
    anytime: list[AnytimeRow] = []
    properties: dict[str, PropertyValues] = {}
    metrics: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    costs: list[TaskCosts] = []
    environment: Environment

    @model_validator(mode="after")
    def _consistent(self) -> "RunRecord":
        """What must agree does: a typed-in number, or a record cut short, is noticed here."""
        if self.protocol != self.spec.protocol:
            raise ValueError(f"protocol is {self.protocol!r}, but its specification has {self.spec.protocol!r}")
        rows, columns = len(self.accuracy), len(self.tasks)
        if rows > columns + 1 or (self.status == "completed" and rows != columns + 1):
            raise ValueError(f"accuracy has {rows} rows; {columns} tasks and the start make {columns + 1}")
        if any(row.task > columns for row in self.anytime):
            raise ValueError(f"anytime has a row within a task that is not among the {columns}")
        coverage = Coverage(self.spec, columns)
        asked = coverage.mask([coverage.after(row - 1) for row in range(rows)])
        self._check_accuracies("accuracy", self.accuracy, asked)
        asked = coverage.mask([coverage.within(row.task - 1) for row in self.anytime])
        self._check_accuracies("anytime", [row.accuracy for row in self.anytime], asked)
        for number, task in enumerate(self.tasks, start=1):
            if task.returns is not None and (
                task.returns >= number or self.tasks[task.returns - 1].returns is not None
            ):
                raise ValueError(f"task {number} returns to task {task.returns}, which is no first visit before it")
            if task.leaked is not None and task.leaked > task.test:
                raise ValueError(
                    f"task {number} has {task.test} test examples, of which {task.leaked} cannot be leaked"
                )
        self._check_properties()
        self._check_metrics()
        return self

    def _check_accuracies(self, name: str, rows: Sequence[Sequence[float | None]], asked: NDArray[np.bool_]) -> None:
        """Accuracies are where they were asked for, and only there; each is a share of the test examples."""
        columns = len(self.tasks)
        for row in rows:
            if len(row) != columns:
                raise ValueError(f"a row of accuracies has {len(row)} values for {columns} tasks")
        values = _numbers(rows, columns)
        for row, column in np.argwhere(np.isnan(values) == asked)[:1]:
            found, asks = ("null", "asks") if asked[row, column] else (values[row, column], "does not ask")
            raise ValueError(f"{name}.{row}.{column} is {found}, but evaluate={self.spec.evaluate} {asks} for it")
        for value in values[(values < 0) | (values > 1)][:1]:
            raise ValueError(f"{value} is no accuracy: it should lie in [0, 1]")
        test = np.array([task.test for task in self.tasks], dtype=np.float64)
        right = values * test
        for row, column in np.argwhere(abs(right - right.round()) > 1e-6 * test)[:1]:
            examples = self.tasks[column].test
            raise ValueError(
                f"{values[row, column]} is no accuracy on {examples} test examples: no whole number is right"
            )

    def _check_properties(self) -> None:
        columns = len(self.tasks)
        for name, measured in self.properties.items():
            rows = [measured.values] if measured.over == "group" else measured.values
            if len(rows) > columns + 1 or not all(isinstance(row, list) and len(row) == columns for row in rows):
                raise ValueError(f"properties.{name} has the wrong shape: rows of {columns} values are right")

    def _check_metrics(self) -> None:
        expected, _ = self.computed_metrics()
        for name in [*expected, *self.metrics]:
            metric, given = expected.get(name), self.metrics.get(name)
            agree = metric == given if metric is None or given is None else abs(metric - given) <= 1e-9
            if not agree:
                raise ValueError(f"metrics.{name} is {given}, but the matrices give {metric}")

    @classmethod
    def with_metrics(cls, fields: dict[str, Any]) -> "RunRecord":
        """The record of these fields, with every metric computed from its matrices."""
        bare = cls.model_construct(**fields)
        values, undefined = bare.computed_metrics()
        return cls(**fields, metrics=values, undefined=undefined)

    def with_properties(self, found: dict[str, PropertyValues]) -> "RunRecord":
        """The same record with further properties."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "schema_"}
        del fields["metrics"], fields["undefined"]
        return self.with_metrics({**fields, "properties": {**self.properties, **found}})

    @property
    def matrix(self) -> Matrix:
        """The accuracy matrix, [tasks + 1, tasks], NaN where nothing was evaluated."""
        return self._filled(self.accuracy)

    def property_matrix(self, name: str) -> Matrix:
        """The matrix of a property measured over cells or rows, NaN where nothing was measured."""
        return self._filled(self.properties[name].values)

    def _filled(self, rows: Sequence[Any]) -> Matrix:
        """Rows as numbers, followed by NaN for the rows that were not reached."""
        columns = len(self.tasks)
        return np.concatenate([_numbers(rows, columns), np.full((columns + 1 - len(rows), columns), np.nan)])

    @property
    def chance(self) -> Matrix:
        """Accuracy of guessing on each task."""
        return np.array([task.chance for task in self.tasks])

    def computed_metrics(self) -> Summary:
        """Every metric that this record alone can give, and why the others have no value."""
        return summary(self)

    @property
    def entry(self) -> str:
        """Digest of the leaderboard entry this run is one seed of."""
        return digest([self.protocol, self.spec.settings, self.strategy_digest])

    @property
    def digest(self) -> str:
        """Identifies this very record."""
        return digest(self.model_dump(mode="json", by_alias=True))

    def to_json(self) -> str:
        """One JSON document, one field a line."""
        fields = self.model_dump(mode="json", by_alias=True)
        lines = [f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in fields.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def write(self, path: Path) -> None:
        """Write the record; a reader finds the whole of it or nothing."""
        write_atomically(path, self.to_json().encode())


def _numbers(rows: Sequence[Sequence[float | None]], columns: int) -> Matrix:
    """Rows as a matrix, [rows, columns], null as NaN."""
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number there")


def read_record(path: Path) -> RunRecord:
    """The record in a file, or in a run's folder.

    Raises:
        RequestError: where there is none, or it is not a record, or it contradicts itself.
    """
    file = path / "record.json" if path.is_dir() else path
    if not file.is_file():
        raise RequestError(f"{file} cannot be read: {'it is no file' if file.exists() else 'No such file'}")
    try:
        fields = json.loads(file.read_text(), parse_constant=_refuse)
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{file} is no record: it is not JSON ({error})") from None
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        found = fields.get("schema") if isinstance(fields, dict) else None
        raise RequestError(f"{file} is no record: its schema is {found!r}, not {SCHEMA!r}")
    try:
        return RunRecord.model_validate(fields)
    except ValidationError as error:
        raise RequestError(f"{file} is no valid record: {one_line(error)}") from None


def leak_note(leaked: int, tested: int) -> str:
    """What people are told where so many of the test examples are among the training examples."""
    return (
        f"{leaked:,} of {tested:,} test examples are, to the byte, among the training examples: being right on them "
        "takes no more than remembering them"
    )


def record_schema() -> dict[str, Any]:
    """The JSON schema of a record, as published."""
    return RunRecord.model_json_schema(by_alias=True)
