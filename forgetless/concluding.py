"""Before and after runs: where their records go, and how they compare."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest


def check_places(out: Path, post: str | None) -> None:
    """Make sure that records can be written, and posted where that is asked for.

    Raises:
        RequestError: where they cannot.
    """
    check_board(post)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RequestError(f"--out {out} cannot be written to: {error.strerror or error}") from None


def check_board(post: str | None) -> None:
    """Make sure that a leaderboard can be posted to, where one is asked for: only then is its store imported.

    Raises:
        RequestError: where it cannot.
    """
    if post is not None:
        from leaderboard.store import Store

        Store(post).check()


def conclude(
    requests: Sequence["RunRequest"],
    records: Sequence["RunRecord"],
    post: str | None,
    *,
    as_json: bool,
    beside: Mapping[Path, "RunRecord"] | None = None,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Post the records, print how the strategies compare, and end with the right exit code.

    Args:
        requests, records: what was asked for, and what became of it.
        post: a leaderboard, or None.
        as_json: print one JSON document, and no tables.
        beside: records of other runs, by folder, with which those of one group are compared.
        also: what else belongs into the JSON document.
    """
    from forgetless.tables import print_tables
    from leaderboard.board import row_document, tables

    records = _with_groups(requests, records, beside or {})
    results = [record for record in records if record.status != "failed"]
    found = tables(results)
    if post is not None and results:
        from leaderboard.store import Store

        Store(post).post(results)
    if as_json:
        entries = [row_document(row) for table in found for row in table.rows]
        paths = [str(request.folder / "record.json") for request in requests]
        print(json.dumps({"records": paths, "entries": entries, **(also or {})}, allow_nan=False))
    else:
        print_tables(found)
        place = os.path.commonpath([request.folder.parents[1] for request in requests])
        typer.echo(f"records: {place or '.'}", err=True)
    failed = [(request, record) for request, record in zip(requests, records, strict=True) if record.status == "failed"]
    for request, record in failed:
        typer.echo(f"{request.name} failed: {record.reason}", err=True)
    if failed:
        raise typer.Exit(1)


def _with_groups(
    requests: Sequence["RunRequest"], records: Sequence["RunRecord"], beside: Mapping[Path, "RunRecord"]
) -> list["RunRecord"]:
    """The same records, with the properties that need several runs of a group added and written."""
    from benchmark.measuring import compare_runs

    known = {**beside, **{request.folder: record for request, record in zip(requests, records, strict=True)}}
    groups: dict[str, list[Path]] = {}
    for folder, record in sorted(known.items()):
        if record.status == "completed":
            groups.setdefault(record.spec.group, []).append(folder)
    for folders in groups.values():
        for folder, record in zip(folders, compare_runs(folders, [known[each] for each in folders]), strict=True):
            if record != known[folder]:
                record.write(folder / "record.json")
                known[folder] = record
    return [known[request.folder] for request in requests]
