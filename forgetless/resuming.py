"""`forgetless resume`: go on with runs that were interrupted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forgetless import shared
from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest


def resume(
    runs: Annotated[list[Path], typer.Argument(help="Folders of interrupted runs, or folders that hold some.")],
    jobs: shared.Jobs = 1,
    post: shared.Post = None,
    as_json: shared.AsJson = False,
    quiet: shared.Quiet = False,
) -> None:
    """Go on with interrupted runs from their last checkpoints, to the numbers they would have come to."""
    from benchmark.checkpoint import FILE
    from benchmark.execution.local import limits, run_all
    from benchmark.keeping import interrupted_runs
    from benchmark.observers.progress import Progress
    from forgetless.concluding import check_board, conclude
    from scenarios.registry import load_plugin

    folders: list[Path] = []
    for run in runs:
        found = sorted(path.parent for path in run.rglob(FILE))
        if not found:
            raise RequestError(f"{run} holds no checkpoint ({FILE}): there is nothing to resume")
        folders += found
    requests = [request for folder in dict.fromkeys(folders) for request in interrupted_runs(folder)]
    for plugin in dict.fromkeys(plugin for request in requests for plugin in request.plugins):
        load_plugin(plugin)
    _check_data(requests)
    check_board(post)
    with Progress(len(requests), quiet=quiet or as_json) as progress:
        progress.note(limits(requests, jobs))
        records = run_all(requests, jobs, progress.apply)
    conclude(requests, records, post, as_json=as_json, beside=_neighbours(requests))


def _check_data(requests: list["RunRequest"]) -> None:
    """Make sure that the data of all runs is there before the first goes on.

    Raises:
        RequestError: where it is not, or is damaged; it names the run.
    """
    from benchmark.run import load_scenario

    of_data: dict[tuple[str, int | None, Path | None, int | None], RunRequest] = {}
    for request in requests:
        spec = request.spec
        of_data.setdefault((spec.scenario, spec.seeds.classes, request.data, spec.trial), request)
    for key, request in of_data.items():
        try:
            load_scenario(*key)
        except RequestError as error:
            raise RequestError(f"{request.folder}: {error}") from None


def _neighbours(requests: list["RunRequest"]) -> dict[Path, "RunRecord"]:
    """The records of the same groups that were not interrupted, by folder."""
    from benchmark.record import read_record

    groups = dict.fromkeys(request.folder.parent for request in requests)
    return {path.parent: read_record(path) for group in groups for path in group.glob("*/record.json")}
