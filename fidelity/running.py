"""Making the runs that are missing, with the machinery that every suite runs on."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmark.execution.local import limits, run_apart
from benchmark.observers.progress import Ended, Event
from benchmark.record import RunRecord, read_record
from benchmark.request import RunRequest
from benchmark.run import load_scenario
from benchmark.spec import RunSpec
from fidelity.records import DIGITS, Book, Kept
from fidelity.standing import NEVER
from fidelity.targets import Row
from forgetless.plan import requests_for
from forgetless.suite import cells_of
from forgetless.suite_table import SuiteProgress
from scenarios.catalogue import SOURCES
from scenarios.errors import RequestError
from scenarios.registry import source_digest
from scenarios.sources import fashion, mnist
from strategies.catalogue import STRATEGIES

SETS = {"fashion": fashion.DATA, "mnist": mnist.DATA}
"""What may have to be downloaded: never by the way, only where it is asked for."""

NO_DATA = "no data here"


@dataclass
class Work:
    """What is to be done.

    Attributes:
        rows: that can run here.
        missing: their runs that are not kept, or were kept of another specification, strategy or data.
        hindered: why the others cannot run, by label.
    """

    rows: list[Row] = field(default_factory=list)
    missing: list[RunSpec] = field(default_factory=list)
    hindered: dict[str, str] = field(default_factory=dict)


def hindrance(row: Row, data: Path | None = None) -> str | None:
    """Why a row cannot run on this machine, as it is."""
    if row.impossible:
        return NEVER
    if row.lacking:
        return row.lacking
    if row.source in SETS and SETS[row.source].here(data) is None:
        return NO_DATA
    return None


def download(rows: Iterable[Row]) -> None:
    """Have what the rows need fetched.

    Raises:
        RequestError: where it cannot be had.
    """
    for name in dict.fromkeys(row.source for row in rows if row.source in SETS):
        assert name is not None
        SOURCES.get(name)(None)


def work(rows: Iterable[Row], book: Book, data: Path | None = None) -> Work:
    """What is to be done for rows: only what is not done already.

    Raises:
        RequestError: where a row asks for what is not possible.
    """
    found = Work()
    missing: dict[str, RunSpec] = {}
    for row in rows:
        if (reason := hindrance(row, data)) is not None:
            found.hindered[row.label] = reason
            continue
        found.rows.append(row)
        kept = {run.spec.model_dump_json(): run for run in book.runs(row)}
        for spec in row.specs():
            key = spec.model_dump_json()
            if key not in kept or not _current(kept[key], data):
                missing[key] = spec
    found.missing = list(missing.values())
    return found


def _current(run: Kept, data: Path | None) -> bool:
    """Whether a run would be the same if it were made again: the strategy's source and the tasks are as they were."""
    scenario = _scenario_digest(run.spec.scenario, run.spec.seeds.classes, data)
    strategy = source_digest(STRATEGIES.get(run.spec.strategy))
    return (run.scenario, run.strategy) == (scenario[:DIGITS], strategy[:DIGITS])


@cache
def _scenario_digest(reference: str, seed: int | None, data: Path | None) -> str:
    """Of the tasks' content; it takes a second, and many rows share a scenario."""
    return load_scenario(reference, seed, data).digest


def make(found: Work, book: Book, *, jobs: int, out: Path, data: Path | None = None, quiet: bool = False) -> list[str]:
    """Make what is missing; each run is kept as soon as it is there. What failed, in a line each.

    A run that was interrupted goes on from its checkpoint in `out`.

    Raises:
        KeyboardInterrupt: where it was interrupted; what was done is kept.
    """
    requests = requests_for(found.missing, out, (), data, None, 60.0)
    cells = cells_of(requests, data)
    wanted: dict[str, list[Row]] = {}
    for row in found.rows:
        for spec in row.specs():
            wanted.setdefault(spec.model_dump_json(), []).append(row)

    def keep(record: RunRecord) -> None:
        for row in wanted[record.spec.model_dump_json()]:
            book.keep(row, [Kept.of(record)])

    for cell in cells:
        if cell.record is not None:  # it was made before, but never kept
            keep(cell.record)
    left = [cell.request for cell in cells if cell.left]
    failed = [f"{cell.request.name} is refused: {cell.refused}" for cell in cells if cell.refused]
    with SuiteProgress(cells, quiet=quiet) as progress:
        if left:
            progress.note(limits(left, jobs))
            records = run_apart(left, jobs, _keeping(left, keep, progress.apply))
            failed += [f"{each.name}: {got.reason}" for each, got in _pairs(left, records) if got.status == "failed"]
    return failed


def _keeping(
    requests: Sequence[RunRequest], keep: Callable[[RunRecord], None], send: Callable[[Event], None]
) -> Callable[[Event], None]:
    """What is told of runs goes on to `send`, and the record of each that ended well is kept at once."""

    def apply(event: Event) -> None:
        if isinstance(event, Ended) and event.status != "failed":
            with suppress(RequestError):  # of a full disk, say: the run is made again
                keep(read_record(requests[int(event.run)].folder))
        send(event)

    return apply


def _pairs(requests: Sequence[RunRequest], records: Sequence[RunRecord]) -> Iterable[tuple[RunRequest, RunRecord]]:
    return zip(requests, records, strict=True)
