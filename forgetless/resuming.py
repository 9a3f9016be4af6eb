"""`forgetless resume`: go on with runs that were interrupted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest


def resume(
    runs: Annotated[list[Path], typer.Argument(help="Folders of interrupted runs, or folders that hold some.")],
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each in a process of its own.")] = 1,
    post: Annotated[str | None, typer.Option(help="A leaderboard to post the records to: file or URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
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
    check_board(post)
    with Progress(len(requests), quiet=quiet or as_json) as progress:
        progress.note(limits(requests, jobs))
        records = run_all(requests, jobs, progress.apply)
    conclude(requests, records, post, as_json=as_json, beside=_neighbours(requests))


def _neighbours(requests: list["RunRequest"]) -> dict[Path, "RunRecord"]:
    """The records of the same groups that were not interrupted, by folder."""
    from benchmark.record import read_record

    groups = dict.fromkeys(request.folder.parent for request in requests)
    return {path.parent: read_record(path) for group in groups for path in group.glob("*/record.json")}
