"""From records to tables: one table a protocol, one row an entry."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmark.metrics import METRICS, metric_direction
from benchmark.record import Better, RunRecord, leak_note
from benchmark.spec import Seeds
from leaderboard.comparison import figures
from leaderboard.entries import Entry, entries_of
from leaderboard.statistics import Estimate
from scenarios.errors import RequestError
from scenarios.options import suggestion


@dataclass(frozen=True)
class Row:
    """One entry of a table.

    Attributes:
        rank: from 1; equals share a rank.
        entry: its digest.
        strategy, hyperparameters: as configured.
        settings: network, optimiser and the like.
        differing: what tells it from the other rows, by name: settings that not all rows share, and
            hyperparameters (or the source) by which it differs from others of its strategy.
        seeds: of its runs.
        diverged: how many of them diverged; the metrics are those of the others.
        chance: mean accuracy of guessing, in [0, 1].
        metrics: means over runs.
        undefined: why other metrics have no value.
        notes: what a reader should know, a sentence each.
    """

    rank: int
    entry: str
    strategy: str
    hyperparameters: dict[str, Any]
    settings: dict[str, Any]
    differing: dict[str, Any]
    seeds: tuple[Seeds, ...]
    diverged: int
    chance: float
    metrics: dict[str, Estimate]
    undefined: dict[str, str]
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Runs that the metrics are means over."""
        return len(self.seeds) - self.diverged


@dataclass(frozen=True)
class Table:
    """The entries of one protocol, best first.

    Attributes:
        protocol: its digest.
        scenario, epochs, iterations, batch_size: what it asks for.
        classes: "canonical", or "by seed" where the order of classes is drawn.
        tuning: rule and number of trials by which all of them chose hyper-parameters; empty for none.
        metric, better: what it is ranked by, and which direction is.
        units: of the metrics that are not shares in [0, 1], by metric.
        rows: see `Row`.
        notes: what a reader should know, a sentence each.
    """

    protocol: str
    scenario: str
    epochs: int | None
    iterations: int | None
    batch_size: int
    classes: str
    tuning: str
    metric: str
    better: Better
    units: dict[str, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def tables(records: Iterable[RunRecord], metric: str = "average_accuracy") -> list[Table]:
    """Compare records, given in the order of posting: a table a protocol, ordered by scenario.

    Entries with a diverged run rank below all without one, and within each of the two, entries for which
    the metric is undefined come last.

    Args:
        records: completed and diverged runs; failed ones are left out.
        metric: what to rank by, one of `METRICS` or `PROPERTY.final` and its like.

    Raises:
        RequestError: for a metric that is unknown, or that none of the records has.
    """
    protocols: dict[str, list[Entry]] = {}
    for entry in entries_of(records):
        protocols.setdefault(entry.record.protocol, []).append(entry)
    found = {protocol: [_row(entry, entries) for entry in entries] for protocol, entries in protocols.items()}
    known = {name for rows in found.values() for row in rows for name in (*row.metrics, *row.undefined)}
    if metric not in known | METRICS.keys():
        raise RequestError(f"there is no metric {metric!r}{suggestion(metric, known | METRICS.keys())}")
    result = [_table(protocols[protocol], rows, metric) for protocol, rows in found.items()]
    return sorted(result, key=lambda table: (table.scenario, table.protocol))


def _row(entry: Entry, protocol: Sequence[Entry]) -> Row:
    metrics, undefined = figures(entry, protocol)
    return Row(
        rank=0,
        entry=entry.digest,
        strategy=entry.strategy,
        hyperparameters=entry.hyperparameters,
        settings=entry.settings,
        differing=_differing(entry, protocol),
        seeds=tuple(run.seeds for run in entry.runs),
        diverged=len(entry.runs) - len(entry.completed),
        chance=float(entry.record.chance.mean()),
        metrics=metrics,
        undefined=undefined,
        notes=(*tuning_notes(entry), *bound_notes(metrics), *(run.note for run in entry.runs if run.note)),
    )


def tuning_notes(entry: Entry) -> list[str]:
    """How its hyper-parameters were chosen, in a sentence, where the tuner has."""
    tuning = entry.record.spec.tuning
    if tuning is None:
        return []
    among = ", ".join(f"{name} in {place}" for name, place in tuning.space.items())
    seen = f"{tuning.rule}: {tuning.scenario}, tasks 1 to {tuning.tasks}"
    return [f"tuned in {tuning.trials} trials ({seen}), which trained {tuning.seconds:g} s: {among}"]


def bound_notes(metrics: Mapping[str, Estimate]) -> list[str]:
    """What a share of more than all means, in a sentence, where there is one."""
    share = metrics.get("gap_closed")
    if share is None or share.mean <= 1:
        return []
    return ["above joint training, which begins anew with every task: with this budget it is no upper bound"]


def _differing(entry: Entry, protocol: Sequence[Entry]) -> dict[str, Any]:
    same = [other for other in protocol if other.strategy == entry.strategy]
    own = {
        name: value
        for name, value in entry.hyperparameters.items()
        if any(other.hyperparameters.get(name) != value for other in same)
    }
    shared = {
        name: value
        for name, value in entry.settings.items()
        if any(other.settings[name] != value for other in protocol)
    }
    source = entry.record.strategy_digest
    if any(other.record.strategy_digest != source for other in same):
        shared["source"] = source[:6]
    return own | shared


def _table(entries: Sequence[Entry], rows: Sequence[Row], metric: str) -> Table:
    properties = {name: values for entry in reversed(entries) for name, values in entry.properties.items()}
    directions = {name: values.better for name, values in properties.items()}
    names = {name for row in rows for name in row.metrics} - METRICS.keys()
    # Where nothing in this protocol has the metric there is nothing to order, and either direction will do.
    owner = metric.rpartition(".")[0]
    better = metric_direction(metric, directions) if not owner or owner in directions else "higher"
    spec = entries[0].record.spec
    return Table(
        protocol=spec.protocol,
        scenario=spec.scenario,
        epochs=spec.epochs,
        iterations=spec.iterations,
        batch_size=spec.batch_size,
        classes="canonical" if spec.seeds.classes is None else "by seed",
        tuning=f"{spec.tuning.rule}, {spec.tuning.trials} trials" if spec.tuning else "",
        metric=metric,
        better=better,
        units={name: properties[name.rpartition(".")[0]].unit for name in sorted(names)},
        rows=_ranked(rows, metric, better),
        notes=_data_notes(entries),
    )


def _ranked(rows: Sequence[Row], metric: str, better: Better) -> tuple[Row, ...]:
    sign = -1 if better == "higher" else 1

    def place(row: Row) -> tuple[bool, bool, float]:
        value = row.metrics.get(metric)
        # Rounded, so that means that differ by the last bit of a sum share a rank.
        return (row.diverged > 0, value is None, round(sign * value.mean, 12) if value else 0.0)

    ordered = sorted(rows, key=lambda row: (place(row), row.strategy, row.entry))
    places = [place(row) for row in ordered]
    result = []
    for row in ordered:
        undefined = row.undefined
        if metric not in row.metrics:
            undefined = {metric: "it was not measured", **undefined}
        result.append(replace(row, rank=1 + places.index(place(row)), undefined=undefined))
    return tuple(result)


def _data_notes(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Sentences on what hangs on the data: what records differ in that makes figures comparable, and leaks."""
    contents: dict[int | None, set[str]] = {}
    intervals: set[int] = set()
    for entry in entries:
        for run in entry.runs:
            if run.record.spec.evaluate_every:
                intervals.add(run.record.spec.evaluate_every)
            contents.setdefault(run.seeds.classes, set()).add(run.record.scenario_digest[:6])
    notes = [
        f"records with the same order of classes were made on different data: {', '.join(sorted(found))}"
        for found in contents.values()
        if len(found) > 1
    ]
    if len(intervals) > 1:
        every = ", ".join(map(str, sorted(intervals)))
        notes.append(
            f"minimum and worst-case accuracy were looked for every {every} steps: looking more rarely finds less"
        )
    if leaked := max(sum(task.leaked or 0 for task in entry.record.tasks) for entry in entries):
        notes.append(leak_note(leaked, sum(task.test for task in entries[0].record.tasks)))
    return tuple(notes)


def document(found: Sequence[Table]) -> dict[str, Any]:
    """The tables as JSON: what `leaderboard show --json` prints."""
    return {"protocols": [_table_document(table) for table in found]}


def _table_document(table: Table) -> dict[str, Any]:
    fields = ("protocol", "scenario", "epochs", "iterations", "batch_size", "classes", "tuning", "metric", "better")
    return {
        **{name: getattr(table, name) for name in fields},
        "units": table.units,
        "notes": list(table.notes),
        "entries": [row_document(row) for row in table.rows],
    }


def row_document(row: Row) -> dict[str, Any]:
    """One entry as JSON."""
    fields = ("rank", "entry", "strategy", "hyperparameters", "settings", "diverged", "chance", "undefined")
    return {
        **{name: getattr(row, name) for name in fields},
        "seeds": [seeds.model_dump() for seeds in row.seeds],
        "metrics": {name: asdict(value) for name, value in row.metrics.items()},
        "notes": list(row.notes),
    }
