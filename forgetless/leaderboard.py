"""`forgetless leaderboard`: post records to a board, and show what is on it."""

from pathlib import Path
from typing import Annotated

import typer

from scenarios.errors import RequestError

app = typer.Typer(no_args_is_help=True, help="Post records to a leaderboard, and compare what is on it.")

Board = Annotated[str, typer.Option(metavar="URL|FILE", help="An SQLite file or postgresql://… address.")]


@app.command()
def post(
    records: Annotated[
        list[Path], typer.Argument(metavar="RECORD…", help="Records, folders of runs, or folders above them.")
    ],
    board: Board = "leaderboard.db",
) -> None:
    """Add records of completed or diverged runs to a board; what is there already stays as it is."""
    from benchmark.record import read_record
    from leaderboard.store import Store

    store = Store(board)
    files = find_records(records)
    outcomes = store.post([read_record(file) for file in files], files)
    new = sum(outcome.new for outcome in outcomes)
    known = f", {len(outcomes) - new} were there already" if new < len(outcomes) else ""
    typer.echo(f"{new} record{'' if new == 1 else 's'} posted to {store.name}{known}")


@app.command()
def show(
    board: Board = "leaderboard.db",
    metric: Annotated[
        str, typer.Option(metavar="NAME", help="What to rank by: a metric, or PROPERTY.final and its like.")
    ] = "average_accuracy",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare the entries of a board, one table a protocol."""
    from leaderboard.board import document, tables
    from leaderboard.store import Store

    store = Store(board)
    found = tables(store.records(), metric)
    if as_json:
        import json

        typer.echo(json.dumps(document(found), indent=2, allow_nan=False))
        return
    if not found:
        typer.echo(f"there are no records on {store.name} yet")
        return
    from forgetless.tables import print_tables

    print_tables(found)


def find_records(places: list[Path]) -> list[Path]:
    """The record files that places name: files themselves, and every record.json in or below a folder.

    Raises:
        RequestError: for a folder without any. Files are not looked at.
    """
    found: dict[Path, None] = {}
    for place in places:
        files = sorted(place.rglob("record.json")) if place.is_dir() else [place]
        if not files:
            raise RequestError(f"there is no record.json in or below {place}: name a record or a folder of runs")
        found.update(dict.fromkeys(files))
    return list(found)
