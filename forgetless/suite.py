"""`forgetless suite`: all the runs that a file asks for, as far as they are not there yet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forgetless import shared
from forgetless.concluding import check_places, conclude
from forgetless.plan import by_scenario, requests_for
from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest
    from scenarios.task import Scenario


@dataclass(frozen=True)
class Cell:
    """One run of a suite, and where it stands.

    Attributes:
        request: for it; it resumes where there is a checkpoint.
        record: of the run, where it was made before.
        refused: why it cannot be made, where a scenario does not give what a strategy needs.
    """

    request: "RunRequest"
    record: "RunRecord | None" = None
    refused: str | None = None

    @property
    def left(self) -> bool:
        return self.record is None and self.refused is None

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.refused is not None:
            return "refused"
        if self.record is not None:
            return self.record.status
        return "to resume" if self.request.resume else "to run"


def suite(
    file: Annotated[
        Path, typer.Argument(help="In TOML: scenarios, strategies, seeds and options; the README shows one.")
    ],
    plugin: shared.Plugins = None,
    data: shared.Data = None,
    jobs: shared.Jobs = 1,
    out: shared.Out = Path("runs"),
    checkpoint_every: shared.CheckpointEvery = 60.0,
    track: shared.Track = None,
    post: shared.Post = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and do nothing.")] = False,
    as_json: shared.AsJson = False,
    quiet: shared.Quiet = False,
) -> None:
    """Make the runs that a file asks for; called again, only those that are left or failed."""
    from benchmark.execution.local import limits, run_apart
    from forgetless.suite_file import read_suite
    from forgetless.suite_table import SuiteProgress, print_plan
    from scenarios.registry import load_plugin

    for place in plugin or []:
        load_plugin(place)
    specs = read_suite(file)
    requests = requests_for(specs, out, plugin or [], data, track.value if track else None, checkpoint_every)
    cells = cells_of(requests, data)
    if dry_run:
        print(json.dumps({"runs": [_document(cell) for cell in cells]})) if as_json else print_plan(cells)
        return
    refused = [_document(cell) for cell in cells if cell.refused]
    if len(refused) == len(cells):
        raise RequestError(f"{file}: every run is refused, the first because {refused[0]['reason']}")
    check_places(out, post)
    left = [cell.request for cell in cells if cell.left]
    with SuiteProgress(cells, quiet=quiet or as_json) as progress:
        if left:
            progress.note(limits(left, jobs))
        try:
            made = iter(run_apart(left, jobs, progress.apply))
        except KeyboardInterrupt:
            progress.note(f"{progress.left} runs are left: the same call goes on with them")
            raise
    accepted = [cell for cell in cells if not cell.refused]
    records = [cell.record or next(made) for cell in accepted]
    conclude([cell.request for cell in accepted], records, post, as_json=as_json, also={"refused": refused})


def cells_of(requests: Sequence["RunRequest"], data: Path | None) -> list[Cell]:
    """Where each run stands.

    Raises:
        RequestError: where data is not there, or a scenario or strategy cannot be made.
    """
    from benchmark.keeping import can_resume, finished
    from benchmark.run import check

    of_spec = {request.spec.model_dump_json(): request for request in requests}
    cells: dict[str, Cell] = {}
    left: dict[Path, list[tuple[RunRequest, Scenario]]] = {}
    for scenario, specs in by_scenario([request.spec for request in requests], data):
        for spec in specs:
            key = spec.model_dump_json()
            request = of_spec[key]
            try:
                check(spec, scenario)
            except RequestError as error:
                cells[key] = Cell(request, refused=str(error))
                continue
            cells[key] = Cell(request, finished(request, scenario))
            if cells[key].left:
                left.setdefault(request.home, []).append((request, scenario))
    for team in left.values():
        if can_resume(*zip(*team, strict=True)):
            for request, _ in team:
                cells[request.spec.model_dump_json()] = Cell(replace(request, resume=True))
    return [cells[key] for key in of_spec]


def _document(cell: Cell) -> dict[str, Any]:
    """A cell for machines."""
    spec = cell.request.spec
    return {
        "scenario": spec.scenario,
        "strategy": spec.strategy,
        "hyperparameters": spec.hyperparameters,
        "seeds": spec.seeds.model_dump(),
        "folder": str(cell.request.folder),
        "state": cell.state,
        "reason": cell.refused,
    }
